package supervisor

import (
	"slices"
	"strings"
	"testing"
)

// said collects the lines of a process.
type said []string

func (l *said) sayLine(on stream, line []byte) { *l = append(*l, on.String()+" "+string(line)) }

func TestLines(t *testing.T) {
	long := strings.Repeat("x", maxLine)
	for _, test := range []struct {
		name string
		says []string // "1" or "2" and the text
		want []string
	}{
		{"lines", []string{"2a\nb\n"}, []string{"stderr a", "stderr b"}},
		{"empty lines", []string{"2\n\na\n\n"}, []string{"stderr a"}},
		{"the end ends a line", []string{"2a\nb", "2c"}, []string{"stderr a", "stderr bc"}},
		{"the other stream ends a line", []string{"1a", "2b", "2c", "1d"}, []string{"stdout a", "stderr bc", "stdout d"}},
		{"marker", []string{"2a\x00fscf\x00b"}, []string{"stderr a", "stderr b"}},
		{"marker and newline", []string{"2a\n\x00fscf\x00b\n"}, []string{"stderr a", "stderr b"}},
		{"marker in pieces", []string{"2a\x00f", "2sc", "2f\x00b"}, []string{"stderr a", "stderr b"}},
		{"no marker", []string{"2a\x00fs", "2cf", "2!"}, []string{"stderr a\x00fscf!"}},
		{"marker alone", []string{"2\x00fscf\x00"}, nil},
		{"long", []string{"2" + long + "y\n"}, []string{"stderr " + long + "y"}},
		{"endless", []string{"2" + long, "2y"}, []string{"stderr " + long, "stderr y"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got said
			var l lines
			for _, text := range test.says {
				l.add(stream(text[0]-'1'), []byte(text[1:]), &got)
			}
			l.flush(&got)
			if !slices.Equal(got, test.want) {
				t.Errorf("got %.80q, want %.80q", got, test.want)
			}
		})
	}
}
