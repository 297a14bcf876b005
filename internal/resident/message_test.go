package resident_test

import (
	"testing"

	"github.com/anyfpm/anyfpm/internal/resident"
)

func TestMessages(t *testing.T) {
	const more = "before"
	for _, tt := range []struct {
		name string
		got  []byte
		want string
	}{
		{"start", resident.AppendStart([]byte(more), &resident.Start{Pool: "www"}),
			frame('S', "1\x00pool\x00www\x00role\x00worker\x00isolation\x00persistent\x00preload\x00\x00application\x00\x00path\x00\x00")},
		{"start of a zygote", resident.AppendStart([]byte(more), &resident.Start{
			Pool: "www", Zygote: true, Once: true, Preload: []string{"json", "re"}, Application: "app:make()", Path: []string{"/a", "/b c"},
		}), frame('S', "1\x00pool\x00www\x00role\x00zygote\x00isolation\x00fork\x00preload\x00json\nre\x00application\x00app:make()\x00path\x00/a\n/b c\x00")},
		{"request", resident.AppendRequest([]byte(more), &resident.Request{Script: "/s.py", Variables: []byte("A=b\x00EMPTY=\x00C=d=e\x00")}),
			frame('R', "/s.py\x000\x00A\x00b\x00EMPTY\x00\x00C\x00d=e\x00")},
		{"request with arguments", resident.AppendRequest([]byte(more), &resident.Request{Script: "/s.py", Args: []string{"one", "", "2 3"}, Variables: []byte("A=b\x00")}),
			frame('R', "/s.py\x003\x00one\x00\x002 3\x00A\x00b\x00")},
		{"request for an application", resident.AppendRequest([]byte(more), &resident.Request{}), frame('R', "\x000\x00")},
		{"request with a descriptor", resident.AppendRequest([]byte(more), &resident.Request{Stdin: resident.DescriptorStdin, Variables: []byte("A=b\x00")}),
			frame('D', "\x000\x00A\x00b\x00")},
		{"request with a body", append(resident.AppendRequest([]byte(more), &resident.Request{
			Stdin: resident.InlineStdin, BodyLen: 4, Variables: []byte("A=b\x00")}), "body"...),
			frame('B', "\x00\x00\x00\x07\x000\x00A\x00b\x00body")},
		{"what is no variable", resident.AppendRequest([]byte(more), &resident.Request{Variables: []byte("A=b\x00nothing\x00\x00C=d")}),
			frame('R', "\x000\x00A\x00b\x00C\x00d\x00")},
		{"fork", resident.AppendFork([]byte(more)), frame('F', "")},
		{"compile", resident.AppendCompile([]byte(more), "/s.py"), frame('C', "/s.py\x00")},
	} {
		if string(tt.got) != more+tt.want {
			t.Errorf("%s:\ngot  %q\nwant %q", tt.name, tt.got, more+tt.want)
		}
	}
}
