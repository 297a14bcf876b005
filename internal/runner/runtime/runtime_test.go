package runtime_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/anyfpm/anyfpm/internal/runner/runtime"
)

func TestLoad(t *testing.T) {
	for _, kind := range []string{"python", "perl", "ruby", "wsgi"} {
		p, err := runtime.Load(kind)
		if err != nil {
			t.Errorf("%s: %v", kind, err)
			continue
		}
		// A supervisor writes it to a pipe that nobody reads yet.
		if len(p.Text) == 0 || len(p.Text) > 60<<10 {
			t.Errorf("%s: program of %d bytes", kind, len(p.Text))
		}
		// An interpreter that is too old to know UTF-8 must be able to say so.
		for i, c := range p.Text {
			if c >= 0x80 {
				t.Errorf("%s: not ASCII: %q", kind, p.Text[max(0, i-20):i+1])
				break
			}
		}
	}
	if _, err := runtime.Load("cobol"); err == nil || err.Error() != `there is no worker program for "cobol"` {
		t.Errorf("cobol: %v", err)
	}
}

// TestAllUsed finds a file that is in no program, and one that is too long to
// be read in one sitting.
func TestAllUsed(t *testing.T) {
	var programs strings.Builder
	for _, kind := range []string{"python", "perl", "ruby", "wsgi"} {
		p, err := runtime.Load(kind)
		if err != nil {
			t.Fatal(err)
		}
		programs.WriteString(strings.NewReplacer(`\u0023`, "#", `\"`, `"`).Replace(string(p.Text)))
	}
	for _, pattern := range []string{"python/*", "perl/*", "ruby/*"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) < 5 {
			t.Fatalf("%s: %v %v", pattern, files, err)
		}
		for _, file := range files {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			first, _, _ := strings.Cut(string(source), "\n")
			if first = strings.Trim(first, `"`); !strings.Contains(programs.String(), first) {
				t.Errorf("%s is in no program", file)
			}
			if n := strings.Count(string(source), "\n"); n > 250 {
				t.Errorf("%s has %d lines", file, n)
			}
		}
	}
}
