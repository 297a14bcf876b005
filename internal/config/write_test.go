package config

import (
	"bytes"
	"reflect"
	"testing"
)

// withoutOrigin forgets where things were written, for a comparison of what
// they mean.
func withoutOrigin(c *Config) *Config {
	c.Path = ""
	c.Global.given = given{}
	for _, p := range c.Pools {
		p.File, p.Line, p.given = "", 0, given{}
	}
	return c
}

// rewritten loads what Write makes of c.
func rewritten(t *testing.T, c *Config, opt Options) *Config {
	t.Helper()
	var out bytes.Buffer
	if err := Write(&out, c); err != nil {
		t.Fatal(err)
	}
	opt.System.ReadFile = func(string) ([]byte, error) { return out.Bytes(), nil }
	again, _, err := Load("written.conf", opt)
	if err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	return again
}

func TestWriteIsReadBack(t *testing.T) {
	dir := copyCorpus(t)
	files := corpusFiles(t, dir)
	t.Chdir(dir)
	opt := unprivileged()
	opt.Getenv = corpusEnv(dir)
	for _, file := range files {
		c, _, err := Load(file, opt)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		again := rewritten(t, c, opt)
		if want, got := withoutOrigin(c), withoutOrigin(again); !reflect.DeepEqual(want, got) {
			t.Errorf("%s:\nwant %+v\ngot  %+v", file, want.Pools[0], got.Pools[0])
		}
	}
}

func TestDefaultIsReadBack(t *testing.T) {
	opt := unprivileged()
	c := Default(t.TempDir(), "", "")
	again := rewritten(t, c, opt)
	c.Global.ErrorLog = again.Global.ErrorLog // standard error cannot be named
	if want, got := withoutOrigin(c), withoutOrigin(again); !reflect.DeepEqual(want, got) {
		t.Errorf("\nwant %+v %+v\ngot  %+v %+v", want.Global, want.Pools[0], got.Global, got.Pools[0])
	}
}

func TestWriteQuotes(t *testing.T) {
	values := []string{
		"yes", "None", "E_ALL", `a"b`, `C:\path\`, `"`, `\"`, "${HOME}", "US$", "a`b;c\"d\\", "`", " blanks ", "a=b", "#", "'", "(", "~1", "é",
	}
	for _, value := range values {
		l := newLoader("", unprivileged())
		l.enter("yes", place{})
		for _, d := range [][2]string{{"listen", "9000"}, {"pm", "static"}, {"pm.max_children", "1"}, {"ping.path", "/p"}} {
			l.set(d[0], d[1], place{})
		}
		l.section().given().note("ping.response", mention{text: value})
		l.current.PingResponse = value
		if got := rewritten(t, l.config, unprivileged()).Pools[0].PingResponse; got != value {
			t.Errorf("%q is read back as %q", value, got)
		}
	}
}
