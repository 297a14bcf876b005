package cgi

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/anyfpm/anyfpm/internal/fpmtest"
)

// TestResolver takes the parameters of each web server, and some that none
// sends, to the same script.
func TestResolver(t *testing.T) {
	d := t.TempDir()
	writeFile(t, filepath.Join(d, "hello.sh"), "")
	writeFile(t, filepath.Join(d, "cgi/app"), "")
	writeFile(t, filepath.Join(d, "cgi/a b.sh"), "")
	writeFile(t, filepath.Join(d, "plain.txt"), "")
	writeFile(t, filepath.Join(d, "dir.sh/inner"), "")
	if err := os.Chmod(filepath.Join(d, "plain.txt"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(d, "nowhere"), filepath.Join(d, "dangling.sh")); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name       string
		extensions []string
		params     []fpmtest.Param
		want       string // outcome and the parameters afterwards
	}{
		{
			name:   "all is said",
			params: fpmtest.Params("SCRIPT_FILENAME", d+"/hello.sh", "SCRIPT_NAME", "/hello.sh", "DOCUMENT_ROOT", d),
			want:   "found\nSCRIPT_FILENAME=D/hello.sh\nSCRIPT_NAME=/hello.sh\nDOCUMENT_ROOT=D\n",
		},
		{
			name:   "nginx: only SCRIPT_NAME and DOCUMENT_ROOT",
			params: fpmtest.Params("SCRIPT_NAME", "/cgi/app", "DOCUMENT_ROOT", d+"/"),
			want:   "found\nSCRIPT_NAME=/cgi/app\nDOCUMENT_ROOT=D/\nSCRIPT_FILENAME=D/cgi/app\n",
		},
		{
			name:   "nginx: the same with more path",
			params: fpmtest.Params("SCRIPT_NAME", "/cgi/app/x/y", "DOCUMENT_ROOT", d),
			want:   "found\nSCRIPT_NAME=/cgi/app\nDOCUMENT_ROOT=D\nPATH_INFO=/x/y\nSCRIPT_FILENAME=D/cgi/app\nPATH_TRANSLATED=D/x/y\n",
		},
		{
			name:   "nginx: fastcgi.conf with more path",
			params: fpmtest.Params("SCRIPT_FILENAME", d+"/cgi/app/x", "SCRIPT_NAME", "/cgi/app/x", "DOCUMENT_ROOT", d),
			want:   "found\nSCRIPT_FILENAME=D/cgi/app\nSCRIPT_NAME=/cgi/app\nDOCUMENT_ROOT=D\nPATH_INFO=/x\nPATH_TRANSLATED=D/x\n",
		},
		{
			name:   "nginx: fastcgi_split_path_info and $request_filename",
			params: fpmtest.Params("SCRIPT_FILENAME", d+"/cgi/app/x", "SCRIPT_NAME", "/cgi/app", "PATH_INFO", "/x", "DOCUMENT_ROOT", d),
			want:   "found\nSCRIPT_FILENAME=D/cgi/app\nSCRIPT_NAME=/cgi/app\nPATH_INFO=/x\nDOCUMENT_ROOT=D\nPATH_TRANSLATED=D/x\n",
		},
		{
			name:   "PATH_INFO is the whole path",
			params: fpmtest.Params("SCRIPT_FILENAME", d+"/cgi/app/x", "SCRIPT_NAME", "/cgi/app/x", "PATH_INFO", "/cgi/app/x"),
			want:   "found\nSCRIPT_FILENAME=D/cgi/app\nSCRIPT_NAME=/cgi/app\nPATH_INFO=/x\n",
		},
		{
			name:   "lighttpd: prefix of one component",
			params: fpmtest.Params("SCRIPT_NAME", "/cgi", "PATH_INFO", "/app/x", "SCRIPT_FILENAME", d+"/cgi", "DOCUMENT_ROOT", d),
			want:   "found\nSCRIPT_NAME=/cgi/app\nPATH_INFO=/x\nSCRIPT_FILENAME=D/cgi/app\nDOCUMENT_ROOT=D\nPATH_TRANSLATED=D/x\n",
		},
		{
			name:   "lighttpd: nothing after the script",
			params: fpmtest.Params("SCRIPT_NAME", "/cgi/", "PATH_INFO", "/app", "SCRIPT_FILENAME", d+"/cgi/", "DOCUMENT_ROOT", d, "PATH_TRANSLATED", d+"/app"),
			want:   "found\nSCRIPT_NAME=/cgi/app\nPATH_INFO=\nSCRIPT_FILENAME=D/cgi/app\nDOCUMENT_ROOT=D\n",
		},
		{
			name:   "Apache: ProxyPass to a directory, encoded",
			params: fpmtest.Params("SCRIPT_FILENAME", "proxy:fcgi://127.0.0.1:9000"+d+"/cgi/app/1%202?q", "SCRIPT_NAME", "/cgi/app/1 2"),
			want:   "found\nSCRIPT_FILENAME=D/cgi/app\nSCRIPT_NAME=/cgi/app\nPATH_INFO=/1 2\n",
		},
		{
			name:   "Apache: PATH_TRANSLATED of its own",
			params: fpmtest.Params("SCRIPT_FILENAME", d+"/hello.sh", "SCRIPT_NAME", "/hello.sh", "PATH_INFO", "/x", "PATH_TRANSLATED", "/elsewhere/x", "DOCUMENT_ROOT", d),
			want:   "found\nSCRIPT_FILENAME=D/hello.sh\nSCRIPT_NAME=/hello.sh\nPATH_INFO=/x\nPATH_TRANSLATED=/elsewhere/x\nDOCUMENT_ROOT=D\n",
		},
		{
			name:   "a blank in the name, a slash at the end",
			params: fpmtest.Params("SCRIPT_NAME", "/cgi/a b.sh/", "DOCUMENT_ROOT", d),
			want:   "found\nSCRIPT_NAME=/cgi/a b.sh\nDOCUMENT_ROOT=D\nPATH_INFO=/\nSCRIPT_FILENAME=D/cgi/a b.sh\nPATH_TRANSLATED=D/\n",
		},
		{
			name:   "two dots behind the script are not ours to judge",
			params: fpmtest.Params("SCRIPT_NAME", "/cgi/app/../x", "DOCUMENT_ROOT", d),
			want:   "found\nSCRIPT_NAME=/cgi/app\nDOCUMENT_ROOT=D\nPATH_INFO=/../x\nSCRIPT_FILENAME=D/cgi/app\nPATH_TRANSLATED=D/../x\n",
		},
		{name: "nothing", want: "no script\n"},
		{name: "no document root", params: fpmtest.Params("SCRIPT_NAME", "/x"), want: "no script\nSCRIPT_NAME=/x\n"},
		{name: "relative", params: fpmtest.Params("SCRIPT_FILENAME", "hello.sh"), want: "no script\nSCRIPT_FILENAME=hello.sh\n"},
		{name: "NUL", params: fpmtest.Params("SCRIPT_FILENAME", d+"/hello.sh\x00.txt"), want: "no script\nSCRIPT_FILENAME=D/hello.sh\x00.txt\n"},
		{name: "missing", params: fpmtest.Params("SCRIPT_FILENAME", d+"/none/x"), want: "not found\nSCRIPT_FILENAME=D/none/x\n"},
		{name: "dangling link", params: fpmtest.Params("SCRIPT_FILENAME", d+"/dangling.sh"), want: "not found\nSCRIPT_FILENAME=D/dangling.sh\n"},
		{name: "device", params: fpmtest.Params("SCRIPT_FILENAME", "/dev/null"), want: "not found\nSCRIPT_FILENAME=/dev/null\n"},
		{name: "directory", params: fpmtest.Params("SCRIPT_FILENAME", d+"/cgi"), want: "is a directory\nSCRIPT_FILENAME=D/cgi\n"},
		{name: "directory all the way", params: fpmtest.Params("SCRIPT_FILENAME", d, "PATH_INFO", "/cgi"), want: "is a directory\nSCRIPT_FILENAME=D\nPATH_INFO=/cgi\n"},
		{name: "missing below a directory", params: fpmtest.Params("SCRIPT_FILENAME", d, "PATH_INFO", "/none"), want: "not found\nSCRIPT_FILENAME=D\nPATH_INFO=/none\n"},
		{name: "two dots", params: fpmtest.Params("SCRIPT_FILENAME", d+"/cgi/../hello.sh"), want: "dot-dot in path\nSCRIPT_FILENAME=D/cgi/../hello.sh\n"},
		{name: "not executable", params: fpmtest.Params("SCRIPT_FILENAME", d+"/plain.txt"), want: "not permitted\nSCRIPT_FILENAME=D/plain.txt\n"},
		{
			name: "extension", extensions: []string{".sh", ".pl"},
			params: fpmtest.Params("SCRIPT_FILENAME", d+"/plain.txt/x.sh"),
			want:   "extension denied\nSCRIPT_FILENAME=D/plain.txt\nPATH_INFO=/x.sh\n",
		},
		{
			name: "extension of a directory before the script", extensions: []string{".sh"},
			params: fpmtest.Params("SCRIPT_FILENAME", d+"/dir.sh", "PATH_INFO", "/inner", "SCRIPT_NAME", "/dir.sh"),
			want:   "extension denied\nSCRIPT_FILENAME=D/dir.sh/inner\nPATH_INFO=\nSCRIPT_NAME=/dir.sh/inner\n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := paramsOf(t, tt.params)
			r := Resolver{Stat: statFile, Extensions: tt.extensions, Execute: true}
			res := r.Resolve(p)
			got := res.Outcome.String() + "\n" + strings.ReplaceAll(dump(p), d, "D")
			if got != tt.want {
				t.Errorf("got\n%swant\n%s", got, tt.want)
			}
			if res.Outcome == Found && res.Script != string(p.Get("SCRIPT_FILENAME")) {
				t.Errorf("the script is %q, SCRIPT_FILENAME %q", res.Script, p.Get("SCRIPT_FILENAME"))
			}
		})
	}
}

func TestResolverReads(t *testing.T) {
	stat := func(string) (Info, error) { return Info{Regular: true, Executable: true}, nil }
	r := Resolver{Stat: stat}
	if res := r.Resolve(paramsOf(t, fpmtest.Params("SCRIPT_FILENAME", "/x"))); res.Outcome != NotPermitted {
		t.Errorf("an interpreter's script that cannot be read is %v", res.Outcome)
	}
}

// TestResolverLeavesRightAlone holds the hot path to its promise: what is
// right is not written anew, and there is one look and one allocation, the
// script's name.
func TestResolverLeavesRightAlone(t *testing.T) {
	looks := 0
	r := Resolver{Stat: func(string) (Info, error) {
		looks++
		return Info{Regular: true, Readable: true}, nil
	}}
	p := paramsOf(t, nginxParams())
	allocs := testing.AllocsPerRun(1, func() {
		looks = 0
		if res := r.Resolve(p); res.Outcome != Found {
			t.Fatal(res.Outcome)
		}
	})
	if _, same := p.Raw(); !same || looks != 1 || allocs > 1 {
		t.Errorf("unchanged %v, looks %d, allocations %v", same, looks, allocs)
	}
}

// TestScriptEndAsksLittle looks for a script in a path made to be slow.
func TestScriptEndAsksLittle(t *testing.T) {
	const script = "/srv/www/x.cgi"
	looks := 0
	stat := func(path string) (Info, error) {
		looks++
		switch {
		case path == script:
			return Info{Regular: true}, nil
		case strings.HasPrefix(script, path+"/"):
			return Info{Dir: true}, nil
		}
		return Info{}, os.ErrNotExist
	}
	end, _, ok := scriptEnd(stat, script+strings.Repeat("/a", 30000))
	if !ok || end != len(script) || looks > 20 {
		t.Errorf("found %v at %d after %d looks", ok, end, looks)
	}
}

func TestAnswers(t *testing.T) {
	tests := []struct {
		res        Resolution
		want, text string
	}{
		{Resolution{Outcome: NoScript}, "Status: 404 Not Found\r\nX-Powered-By: PHP/8\r\nContent-type: text/html; charset=UTF-8\r\n\r\nFile not found.\n", "Primary script unknown"},
		{Resolution{Outcome: DotDot, Script: "/x"}, "Status: 404 Not Found\r\nX-Powered-By: PHP/8\r\nContent-type: text/html; charset=UTF-8\r\n\r\nFile not found.\n", "Primary script unknown"},
		{Resolution{Outcome: ExtensionDenied, Script: "/x"}, "Status: 403 Forbidden\r\nX-Powered-By: PHP/8\r\nContent-type: text/html; charset=UTF-8\r\n\r\nAccess denied.\n", "Access to the script '/x' has been denied (see security.limit_extensions)"},
		{Resolution{Outcome: IsDirectory, Script: "/x"}, "Status: 404 Not Found\r\nX-Powered-By: PHP/8\r\nContent-type: text/html; charset=UTF-8\r\n\r\nNo input file specified.\n", "Unable to open primary script: /x (Is a directory)"},
	}
	for _, tt := range tests {
		a := tt.res.Answer()
		if got := string(a.Append(nil, "PHP/8")); got != tt.want || a.Stderr != tt.text {
			t.Errorf("%v: got %q and %q", tt.res.Outcome, got, a.Stderr)
		}
	}
}
