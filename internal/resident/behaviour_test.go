package resident_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/anyfpm/anyfpm/internal/resident"
)

// languages are the kinds of workers that run scripts, by the extension of
// their scripts.
var languages = map[string]string{"py": "python", "pl": "perl", "rb": "ruby"}

// A behaviour is a file in testdata/behaviour: a script in each language and
// what must come of it. Its sections:
//
//	in            "var NAME=VALUE", "arg VALUE" and "only persistent|fork" lines
//	stdin         the request's body; with "in descriptor", as a file
//	script.py …   the script
//	stdout        exactly what it answers; stdout.py where a language differs
//	stderr        lines that stderr must contain; without it, stderr is empty
//	status        the exit status; 0 if missing
//	flags         of failed, retire; none if missing
//
// $SCRIPT and $DIR stand for the script's path and directory.
type behaviour struct {
	name     string
	sections map[string]string
}

func behaviours(t *testing.T) []behaviour {
	t.Helper()
	files, err := filepath.Glob("testdata/behaviour/*.txt")
	check(t, err)
	if len(files) < 30 {
		t.Fatalf("only %d files in testdata/behaviour", len(files))
	}
	var all []behaviour
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		check(t, err)
		b := behaviour{strings.TrimSuffix(filepath.Base(file), ".txt"), map[string]string{}}
		for _, section := range archive.Files {
			b.sections[section.Name] = string(section.Data)
		}
		all = append(all, b)
	}
	return all
}

// section returns the section for a language, or that for all.
func (b *behaviour) section(name, ext string) (string, bool) {
	if text, ok := b.sections[name+"."+ext]; ok {
		return text, true
	}
	text, ok := b.sections[name]
	return text, ok
}

// TestBehaviour runs each script in each language in both isolations, in the
// persistent one several times, and each time looks whether the process is
// afterwards what it was before.
func TestBehaviour(t *testing.T) {
	cases := behaviours(t)
	for _, ext := range slices.Sorted(maps.Keys(languages)) {
		t.Run(languages[ext]+"/persistent", func(t *testing.T) { testPersistent(t, cases, ext) })
		t.Run(languages[ext]+"/fork", func(t *testing.T) { testFork(t, cases, ext) })
	}
}

func testPersistent(t *testing.T, cases []behaviour, ext string) {
	t.Parallel()
	probe := newProbe(t, ext)
	w := spawn(t, languages[ext], resident.Start{})
	before := probe.ask(w)
	for _, b := range cases {
		c := b.prepare(t, ext)
		if c == nil || c.only == "fork" {
			continue
		}
		for run := range 3 {
			r := w.do(c.request)
			c.compare(t, fmt.Sprintf("%s, run %d", b.name, run+1), r)
			if r.flags&resident.Retire != c.flags&resident.Retire {
				t.Errorf("%s: retire = %v", b.name, r.flags&resident.Retire != 0)
			}
			if r.lost || r.flags&resident.Retire != 0 {
				w.close()
				w = spawn(t, languages[ext], resident.Start{})
			}
			if after := probe.ask(w); after != before {
				t.Errorf("%s has changed its process:\n%s", b.name, difference(before, after))
				before = after
			}
		}
	}
}

func testFork(t *testing.T, cases []behaviour, ext string) {
	t.Parallel()
	z := spawnZygote(t, languages[ext], resident.Start{Once: true})
	for _, b := range cases {
		c := b.prepare(t, ext)
		if c == nil || c.only == "persistent" {
			continue
		}
		for run := range 2 { // compiled by the worker, and then by the zygote
			w := z.fork()
			r := w.do(c.request)
			z.awaitExit(w.pid)
			w.drain(&r)
			c.compare(t, fmt.Sprintf("%s, run %d", b.name, run+1), r)
			w.close()
			z.send(resident.AppendCompile(nil, c.request.script))
		}
	}
}

// A prepared behaviour is one for a language, with its script on disk.
type prepared struct {
	request request
	only    string
	stdout  string
	stderr  []string
	status  int
	flags   resident.Flags
	lost    bool
}

// prepare returns nil if the behaviour is not for the language.
func (b *behaviour) prepare(t *testing.T, ext string) *prepared {
	t.Helper()
	script, ok := b.sections["script."+ext]
	if !ok {
		return nil
	}
	path := writeScript(t, "script."+ext, script)
	expand := strings.NewReplacer("$SCRIPT", path, "$DIR", filepath.Dir(path)).Replace
	for name, text := range b.sections {
		if file, ok := strings.CutPrefix(name, "file/"); ok {
			check(t, os.WriteFile(filepath.Dir(path)+"/"+file, []byte(text), 0o644))
		}
	}
	c := &prepared{request: request{script: path}}
	c.request.body = b.sections["stdin"]
	for line := range strings.Lines(b.sections["in"]) {
		word, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch word {
		case "var":
			c.request.variables = append(c.request.variables, expand(rest))
		case "arg":
			c.request.args = append(c.request.args, rest)
		case "only":
			c.only = rest
		case "descriptor":
			c.request.descriptor = true
		default:
			t.Fatalf("%s: unknown line %q", b.name, line)
		}
	}
	stdout, _ := b.section("stdout", ext)
	c.stdout = expand(stdout)
	stderr, _ := b.section("stderr", ext)
	for line := range strings.Lines(stderr) {
		c.stderr = append(c.stderr, expand(strings.TrimSuffix(line, "\n")))
	}
	if status, ok := b.section("status", ext); ok {
		var err error
		c.status, err = strconv.Atoi(strings.TrimSpace(status))
		check(t, err)
	}
	flags, _ := b.section("flags", ext)
	for word := range strings.FieldsSeq(flags) {
		switch word {
		case "failed":
			c.flags |= resident.Failed
		case "retire":
			c.flags |= resident.Retire
		case "lost":
			c.lost = true
		default:
			t.Fatalf("%s: unknown flag %q", b.name, word)
		}
	}
	return c
}

func (c *prepared) compare(t *testing.T, name string, r response) {
	t.Helper()
	if r.stdout() != c.stdout {
		t.Errorf("%s: stdout\n%q\nwant\n%q\nstderr:\n%s", name, r.stdout(), c.stdout, r.stderr)
	}
	if r.lost != c.lost {
		t.Errorf("%s: control socket lost: %v, want %v", name, r.lost, c.lost)
	}
	if r.status != c.status {
		t.Errorf("%s: status %d, want %d\nstderr:\n%s", name, r.status, c.status, r.stderr)
	}
	if r.flags&resident.Failed != c.flags&resident.Failed {
		t.Errorf("%s: failed = %v\nstderr:\n%s", name, r.flags&resident.Failed != 0, r.stderr)
	}
	if len(c.stderr) == 0 && r.stderr != "" {
		t.Errorf("%s: stderr %q", name, r.stderr)
	}
	for _, line := range c.stderr {
		if !strings.Contains(r.stderr, line) {
			t.Errorf("%s: stderr has no %q:\n%s", name, line, r.stderr)
		}
	}
}

// A probe is a script that tells everything that an earlier request may have
// changed in its process.
type probe struct{ script string }

func newProbe(t *testing.T, ext string) probe {
	t.Helper()
	text, err := os.ReadFile("testdata/probe/probe." + ext)
	check(t, err)
	return probe{writeScript(t, "probe."+ext, string(text))}
}

func (p probe) ask(w *worker) string {
	w.t.Helper()
	w.do(request{script: p.script}) // gets rid of what only the first use of something makes
	r := w.do(request{script: p.script})
	if r.status != 0 || r.stderr != "" || r.flags&resident.Retire != 0 {
		w.t.Fatalf("probe: %+v", r)
	}
	return r.stdout()
}

// difference returns the lines that differ.
func difference(before, after string) string {
	old, now := strings.Split(before, "\n"), strings.Split(after, "\n")
	var out strings.Builder
	for i := range max(len(old), len(now)) {
		if i >= len(old) || i >= len(now) || old[i] != now[i] {
			for _, lines := range []struct {
				sign  string
				lines []string
			}{{"-", old}, {"+", now}} {
				if i < len(lines.lines) {
					fmt.Fprintln(&out, lines.sign, lines.lines[i])
				}
			}
		}
	}
	return out.String()
}
