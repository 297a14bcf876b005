package cgi

import (
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/anyfpm/anyfpm/fcgi"
	"github.com/anyfpm/anyfpm/internal/fpmtest"
)

// dumpScript answers with the parameters that path corrections touch.
const dumpScript = `<?php
header('Content-Type: application/octet-stream');
foreach ($_SERVER as $k => $v) if (preg_match('/^(ORIG_)?(SCRIPT|PATH)_[A-Z]+$|^DOCUMENT_ROOT$|^SELF$/', $k) && $k != 'PATH') echo "$k=$v\0";
`

// touched tells whether dumpScript shows a parameter.
func touched(name string) bool {
	name = strings.TrimPrefix(name, "ORIG_")
	return strings.HasPrefix(name, "SCRIPT_") || strings.HasPrefix(name, "PATH_") || name == "DOCUMENT_ROOT"
}

// TestPHPResolverLikePHPFPM asks a real php-fpm what it makes of random
// combinations of path parameters, sensible and not, and wants the same from a
// PHPResolver: parameters, refusals and their texts.
func TestPHPResolverLikePHPFPM(t *testing.T) {
	fpm := fpmtest.Start(t, "pm = static", "pm.max_children = 1")
	d := fpm.Dir
	for _, name := range []string{"a.php", "sub/b.php", "x.txt", "dir.php/c.php", "a b.php"} {
		writeFile(t, filepath.Join(d, name), dumpScript)
	}
	absent := "\x00absent"
	choices := []struct {
		name   string
		values []string
	}{
		{"SCRIPT_FILENAME", []string{
			absent, "", d + "/a.php", d + "/a.php", d + "/a.php/", d + "/a.php/foo", d + "/a.php//foo/bar",
			d + "/sub/b.php/foo%20x", d + "/sub/b.php", d + "/none.php", d + "/none.php/foo", d + "/sub/",
			d + "/dir.php", d + "/dir.php/q", d + "/dir.php/c.php/foo", d + "/x.txt", d + "/x.txt/foo.php",
			d + "/a b.php/foo", d + "/a.php/../foo", d + "/sub/../a.php", d + "/a..php", "a.php",
			"proxy:fcgi://127.0.0.1:9000" + d + "/a.php/foo?x=1", "proxy:fcgi://127.0.0.1:9000" + d + "/a.php/foo%20x",
			"PROXY:Balancer://x" + d + "/a.php", "proxy:fcgi://host", "proxy:fcgi://host?x", "proxy:fcgi://h" + d + "/none.php",
		}},
		{"SCRIPT_NAME", []string{absent, "", "/a.php", "/a.php", "/a.php/foo", "/a.php/foo x", "/a.php/foo%20x", "/php-cgi", "/foo"}},
		{"PATH_INFO", []string{absent, absent, "", "/foo", "/a.php/foo", "/a.php", "/foo/bar", "/a.php//foo/bar", "/x/foo%20x"}},
		{"PATH_TRANSLATED", []string{absent, absent, absent, "", d + "/a.php", d + "/foo", d + "/a.php/foo", d + "/a.php/foo.php"}},
		{"REDIRECT_URL", []string{absent, absent, absent, "", "/a.php/foo", "/r"}},
		{"DOCUMENT_ROOT", []string{absent, d, d + "/", "", "/"}},
		{"SERVER_SOFTWARE", []string{absent, "nginx", "Microsoft-IIS/10.0"}},
	}
	resolver := &PHPResolver{Stat: statFile, Extensions: []string{".php", ".phar"}}
	random := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		params := fpmtest.Params("REQUEST_METHOD", "GET")
		for _, c := range choices {
			if value := c.values[random.IntN(len(c.values))]; value != absent {
				params = append(params, fpmtest.Param{Name: c.name, Value: value})
			}
		}
		wantOut, wantErr := fpm.Do(t, params)
		p := paramsOf(t, params)
		res := resolver.Resolve(p)
		_, body, _ := strings.Cut(wantOut, "\r\n\r\n")
		if res.Outcome != Found {
			gotOut, gotErr := string(res.Answer().Append(nil, fieldOf(wantOut, "X-Powered-By"))), res.Answer().Stderr
			if res.Outcome == IsDirectory || res.Outcome == Missing { // php-fpm prints whatever is in errno
				gotErr, _, _ = strings.Cut(gotErr, " (")
				wantErr, _, _ = strings.Cut(wantErr, " (")
			}
			if gotOut != wantOut || gotErr != wantErr {
				t.Fatalf("%q\nwe answer %q, %q\nphp-fpm  %q, %q", params, gotOut, gotErr, wantOut, wantErr)
			}
			continue
		}
		got := map[string]string{}
		for name, value := range p.All() {
			if touched(string(name)) {
				got[string(name)] = string(value)
			}
		}
		if want := fieldsOf(body); !maps.Equal(got, want) || wantErr != "" {
			t.Fatalf("%q\nwe say  %q\nphp-fpm %q %s", params, got, want, wantErr)
		}
	}
}

func TestPHPResolverOptions(t *testing.T) {
	d := t.TempDir()
	writeFile(t, filepath.Join(d, "a.php"), "")
	tests := []struct {
		name     string
		resolver PHPResolver
		params   []fpmtest.Param
		want     string // outcome, URI and the parameters afterwards
	}{
		{
			name:     "fix_pathinfo off takes a path at its word",
			resolver: PHPResolver{NoFixPathinfo: true},
			params:   fpmtest.Params("SCRIPT_FILENAME", d+"/a.php/x", "SCRIPT_NAME", "/a.php/x"),
			want:     "missing /a.php/x\nSCRIPT_FILENAME=D/a.php/x\nSCRIPT_NAME=/a.php/x\n",
		},
		{
			name:     "fix_pathinfo off prefers PATH_TRANSLATED and PATH_INFO",
			resolver: PHPResolver{NoFixPathinfo: true},
			params:   fpmtest.Params("SCRIPT_FILENAME", "/x", "SCRIPT_NAME", "/x", "PATH_INFO", "/i", "PATH_TRANSLATED", d+"/a.php"),
			want:     "found /i\nSCRIPT_FILENAME=/x\nSCRIPT_NAME=/x\nPATH_INFO=/i\nPATH_TRANSLATED=D/a.php\n",
		},
		{
			name:     "discard_path",
			resolver: PHPResolver{NoFixPathinfo: true, DiscardPath: true},
			params:   fpmtest.Params("SCRIPT_FILENAME", d+"/a.php", "SCRIPT_NAME", "/a.php", "PATH_TRANSLATED", "/x"),
			want:     "found /a.php\nSCRIPT_FILENAME=D/a.php\nSCRIPT_NAME=/a.php\nPATH_TRANSLATED=/x\n",
		},
		{
			name:     "doc_root",
			resolver: PHPResolver{DocRoot: "/root/"},
			params:   fpmtest.Params("SCRIPT_FILENAME", d+"/a.php/x", "SCRIPT_NAME", "/a.php", "PATH_INFO", "/a.php/x"),
			want: "found /a.php\nSCRIPT_FILENAME=D/a.php\nSCRIPT_NAME=/a.php\nPATH_INFO=/x\nDOCUMENT_ROOT=/root/\n" +
				"ORIG_PATH_INFO=/a.php/x\nPATH_TRANSLATED=/root/x\nORIG_SCRIPT_FILENAME=D/a.php/x\n",
		},
		{
			name:     "a ProxyPass URL is decoded as in 8.4",
			resolver: PHPResolver{DecodePathInfo: true},
			params:   fpmtest.Params("SCRIPT_FILENAME", "proxy:fcgi://h:1"+d+"/a.php/1%202", "SCRIPT_NAME", "/a.php/1 2"),
			want: "found /a.php\nSCRIPT_FILENAME=D/a.php\nSCRIPT_NAME=/a.php\nORIG_SCRIPT_NAME=/a.php/1 2\nPATH_INFO=/1 2\n" +
				"PATH_TRANSLATED=D/1 2\nORIG_SCRIPT_FILENAME=D/a.php/1%202\n",
		},
		{
			name:   "a NUL is no end of a path",
			params: fpmtest.Params("SCRIPT_FILENAME", d+"/a.php\x00.txt/foo"),
			want:   "not found \nORIG_SCRIPT_FILENAME=D/a.php\x00.txt/foo\n",
		},
		{
			name:   "nothing to go by",
			params: fpmtest.Params("SCRIPT_NAME", "/status"),
			want:   "no script \nSCRIPT_NAME=/status\n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := paramsOf(t, tt.params)
			tt.resolver.Stat = statFile
			res := tt.resolver.Resolve(p)
			got := res.Outcome.String() + " " + string(res.URI) + "\n" + strings.ReplaceAll(dump(p), d, "D")
			if got != tt.want {
				t.Errorf("got\n%swant\n%s", got, tt.want)
			}
		})
	}
}

func TestPHPResolverPermission(t *testing.T) {
	stat := func(string) (Info, error) { return Info{Regular: true}, nil }
	r := PHPResolver{Stat: stat}
	res := r.Resolve(paramsOf(t, fpmtest.Params("SCRIPT_FILENAME", "/a.php")))
	if res.Outcome != NotPermitted {
		t.Errorf("an unreadable script is %v", res.Outcome)
	}
	const want = "Unable to open primary script: /a.php (Permission denied)"
	if a := res.Answer(); a.Stderr != want || a.Status != "403 Forbidden" || a.Body != "Access denied.\n" {
		t.Errorf("got %+v", a)
	}
}

// statFile is a StatFunc over the real file system, for a user who may do
// what the mode bits let everybody do.
func statFile(path string) (Info, error) {
	fi, err := os.Stat(path)
	if err != nil {
		return Info{}, err
	}
	mode := fi.Mode()
	return Info{Regular: mode.IsRegular(), Dir: mode.IsDir(), Readable: mode&0o4 != 0, Executable: mode&0o1 != 0}, nil
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
}

func paramsOf(t testing.TB, list []fpmtest.Param) *Params {
	t.Helper()
	var raw []byte
	for _, param := range list {
		raw = fcgi.AppendPair(raw, param.Name, param.Value)
	}
	p := new(Params)
	if err := Parse(raw, p); err != nil {
		t.Fatal(err)
	}
	return p
}

// dump lists parameters, one on a line.
func dump(p *Params) string {
	var b strings.Builder
	for name, value := range p.All() {
		b.WriteString(string(name) + "=" + string(value) + "\n")
	}
	return b.String()
}

// fieldsOf reads the answer of dumpScript.
func fieldsOf(body string) map[string]string {
	fields := map[string]string{}
	for entry := range strings.SplitSeq(body, "\x00") {
		if name, value, ok := strings.Cut(entry, "="); ok {
			fields[name] = value
		}
	}
	return fields
}

// fieldOf returns a header field of a response.
func fieldOf(response, name string) string {
	_, rest, _ := strings.Cut(response, name+": ")
	value, _, _ := strings.Cut(rest, "\r\n")
	return value
}

// TestPHPResolverLeavesRightAlone holds the hot path to one look and one
// allocation, the script's name.
func TestPHPResolverLeavesRightAlone(t *testing.T) {
	looks := 0
	r := PHPResolver{Stat: func(string) (Info, error) {
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
