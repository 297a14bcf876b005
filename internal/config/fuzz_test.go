package config

import (
	"bytes"
	"io"
	"os"
	"strings"
	"testing"
)

// resolveNothing knows no variable and PHP's constants.
var resolveNothing = names{
	variable: func(name string) string { return "<" + name + ">" },
	constant: func(name string) (string, bool) { value, ok := phpConstants[name]; return value, ok },
}

// FuzzLine reads a line: the scanner must come to an end, and a value must
// survive being quoted and read again.
func FuzzLine(f *testing.F) {
	for _, line := range []string{
		"user = www-data ; comment", `env[A] = "a \"b\" ${HOME} \\" 'c' d`, "[www] listen = 9000", "a = (1|2)&~3", "on = 1",
	} {
		f.Add(line + "\n")
	}
	f.Fuzz(func(t *testing.T, line string) {
		lx := newLexer(line)
		for tokens := 0; lx.next().kind != tokenEnd; tokens++ {
			if tokens > 2*len(line)+2 {
				t.Fatal("the lexer does not come to an end")
			}
		}
		var values []string
		parseLine(line, resolveNothing, func(s statement) { values = append(values, s.value) })
		for _, value := range values {
			if strings.ContainsAny(value, "\n\r\x00`") {
				continue
			}
			again := "unread"
			fault := parseLine("a = "+quote(value)+"\n", resolveNothing, func(s statement) { again = s.value })
			if fault != nil || again != value {
				t.Fatalf("%q is written as %s and read back as %q (%v)", value, quote(value), again, fault)
			}
		}
	})
}

// FuzzLoad loads a whole file: there are faults or a configuration that can be
// dumped, written and read back.
func FuzzLoad(f *testing.F) {
	f.Add([]byte(prelude))
	f.Add([]byte("[a]\n[b]\ninclude=x\n" + prelude))
	f.Fuzz(func(t *testing.T, data []byte) {
		opt := unprivileged()
		opt.Getenv = func(string) string { return "" }
		opt.System.ReadFile = func(path string) ([]byte, error) {
			if path == "fuzz.conf" {
				return data, nil
			}
			return nil, os.ErrNotExist
		}
		opt.System.Glob = func(string) ([]string, error) { return []string{"fuzz.conf", "other.conf", "dir/"}, nil }
		c, _, err := Load("fuzz.conf", opt)
		if err != nil {
			for _, fault := range err.(*Errors).Faults {
				if fault.Text == "" || fault.String() == "" {
					t.Fatalf("a fault without text: %+v", fault)
				}
			}
			return
		}
		if err := Dump(io.Discard, c); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := Write(&out, c); err != nil {
			return // a value that cannot be written
		}
		data = out.Bytes()
		if _, _, err := Load("fuzz.conf", opt); err != nil {
			t.Fatalf("%v\n%s", err, data)
		}
	})
}

// TestFuzzCorpus fails when the committed corpus is lost.
func TestFuzzCorpus(t *testing.T) {
	for _, target := range []string{"FuzzLine", "FuzzLoad"} {
		files, err := os.ReadDir("testdata/fuzz/" + target)
		if err != nil {
			t.Fatal(err)
		}
		if len(files) < 5 {
			t.Errorf("the corpus of %s has only %d files", target, len(files))
		}
	}
}
