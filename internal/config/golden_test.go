package config

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
)

var (
	update = flag.Bool("update", false, "rewrite golden files and the generated reference")
	seed   = flag.Uint64("seed", 1, "seed of the random lines that php-fpm and anyfpm are compared on")
)

// The transcripts below testdata/faults hold a configuration per case, and all
// that Load says about it. "pool" puts the prelude in front of the
// configuration, whose line 1 is then line 8 of the file; "load" does not.
// Rewrite them with go test -rewrite.
const (
	prelude     = "[global]\nerror_log = /dev/null\n" + poolPrelude
	poolPrelude = "[www]\nlisten = 127.0.0.1:9000\npm = static\npm.max_children = 1\n\n"
)

func configuration(t *testing.T, d *datadriven.TestData) string {
	t.Helper()
	switch d.Cmd {
	case "pool":
		return prelude + d.Input + "\n"
	case "load":
		return d.Input + "\n"
	}
	d.Fatalf(t, "unknown command %q", d.Cmd)
	return ""
}

func transcripts(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/faults/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 5 {
		t.Fatalf("the transcripts are missing: found %d", len(files))
	}
	for i := range files {
		if files[i], err = filepath.Abs(files[i]); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

func TestTranscripts(t *testing.T) {
	quietly(t)
	scripts, dir := transcripts(t), copyCorpus(t)
	plain := plainLines(t, dir)
	for _, transcript := range scripts {
		t.Run(filepath.Base(transcript), func(t *testing.T) {
			datadriven.RunTest(t, transcript, func(t *testing.T, d *datadriven.TestData) string {
				if err := os.WriteFile(filepath.Join(dir, "test.conf"), []byte(configuration(t, d)), 0o600); err != nil {
					t.Fatal(err)
				}
				opt := Options{Root: true, AllowRoot: !d.HasArg("root"), PHP: d.HasArg("php"), Test: !d.HasArg("start")}
				return without(report(t, dir, "test.conf", opt, d.HasArg("dump")), plain)
			})
		})
	}
}

// corpusFiles are the main files of the corpus.
func corpusFiles(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.conf"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 10 {
		t.Fatalf("the corpus is missing: found %d files", len(files))
	}
	for i := range files {
		files[i] = filepath.Base(files[i])
	}
	return files
}

// TestCorpus compares everything that is said about the files of testdata/conf
// with the golden files beside them; -update rewrites these.
func TestCorpus(t *testing.T) {
	source, err := filepath.Abs("testdata/conf")
	if err != nil {
		t.Fatal(err)
	}
	dir := copyCorpus(t)
	opt := Options{Root: true, AllowRoot: true, Test: true, PHP: true}
	plain := plainLines(t, dir)
	for _, file := range corpusFiles(t, dir) {
		t.Run(file, func(t *testing.T) {
			got := report(t, dir, file, opt, true)
			if file != "base.conf" {
				got = without(got, plain)
			}
			golden := filepath.Join(source, strings.TrimSuffix(file, ".conf")+".golden")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

// plainLines are the lines of every dump that say nothing.
func plainLines(t *testing.T, dir string) map[string]bool {
	t.Helper()
	plain := map[string]bool{" \n": true}
	for line := range strings.Lines(report(t, dir, "base.conf", Options{Root: true, AllowRoot: true, Test: true, PHP: true}, true)) {
		if strings.HasPrefix(line, "\t") {
			plain[line] = true
		}
	}
	return plain
}

// without drops the given lines.
func without(text string, drop map[string]bool) string {
	var kept strings.Builder
	for line := range strings.Lines(text) {
		if !drop[line] {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

// report loads a file of dir, on a system with two users and no others, and
// returns the notices, then the faults and what follows them, or the dump.
func report(t *testing.T, dir, file string, opt Options, dump bool) string {
	t.Helper()
	t.Chdir(dir)
	opt.Getenv = corpusEnv(dir)
	opt.System = System{LookupUser: fakeUser, LookupGroup: fakeGroup}
	c, notices, err := Load(file, opt)
	var out bytes.Buffer
	for _, n := range notices {
		fmt.Fprintf(&out, "%s: %s\n", n.Level, n.Text)
	}
	if err != nil {
		fmt.Fprintf(&out, "%s\n(%s)\n", err, err.(*Errors).Trailer())
	} else if dump {
		if err := Dump(&out, c); err != nil {
			t.Fatal(err)
		}
	}
	if out.Len() == 0 {
		out.WriteString("ok\n")
	}
	return strings.ReplaceAll(out.String(), dir, "CORPUS")
}

var fakeUsers = []User{
	{Name: "root", Home: "/root"},
	{Name: "www-data", Home: "/var/www", UID: 33, GID: 33, Groups: []uint32{33}},
}

func fakeUser(name string, id bool) *User {
	i := slices.IndexFunc(fakeUsers, func(u User) bool {
		return id && fmt.Sprint(u.UID) == name || !id && u.Name == name
	})
	if i < 0 {
		return nil
	}
	return &fakeUsers[i]
}

func fakeGroup(name string) (uint32, bool) {
	u := fakeUser(name, false)
	if u == nil {
		return 0, false
	}
	return u.GID, true
}
