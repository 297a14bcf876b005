package resident_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/anyfpm/anyfpm/internal/resident"
)

// carpScripts are scripts of one site: some use CGI::Carp, each in another way.
var carpScripts = map[string]string{
	"runtime.pl": "use CGI::Carp qw(fatalsToBrowser);\nwarn \"careful\";\ndie 'too late';\n",
	"header.pl":  "use CGI::Carp qw(fatalsToBrowser);\nprint \"Content-Type: text/plain\\n\\nhello\\n\";\ndie { is => 'an object' } if 0;\ndie 'too late';\n",
	"syntax.pl":  "use strict;\nuse CGI::Carp 'fatalsToBrowser';\nfoo bar baz;\n",
	"missing.pl": "use CGI::Carp 'fatalsToBrowser';\nuse No::Such::Module;\n",
	"caught.pl":  "use CGI::Carp qw(fatalsToBrowser);\neval { die \"caught\\n\" };\nprint \"Content-Type: text/plain\\n\\n$@\";\n",
	"message.pl": "use CGI::Carp qw(fatalsToBrowser set_message);\nBEGIN { set_message(sub { print 'custom: ', @_ }) }\ndie \"too late\\n\";\n",
	"name.pl":    "use CGI::Carp;\nCGI::Carp::set_progname('other');\nwarn \"once\";\nprint \"Content-Type: text/plain\\n\\nok\\n\";\n",
	"later.pl":   "require CGI::Carp;\nCGI::Carp->import('noTimestamp');\nwarn \"once\\n\";\nprint \"Content-Type: text/plain\\n\\nok\\n\";\n",
	"shared.pl":  "use warnings;\nuse CGI::Carp;\nmy $x = 1;\nsub f { $x }\nprint \"Content-Type: text/plain\\n\\n\", f(), \"\\n\";\n",
	"plain.pl":   "warn 'careful';\nprint \"Content-Type: text/plain\\n\\nok\\n\";\ndie 'too late';\n",
}

var timestamp = regexp.MustCompile(`(?m)^\[\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}\] `)

// With CGI::Carp a script writes what it writes in a process of its own, and
// one without knows nothing of it, whichever ran before.
func TestCGICarp(t *testing.T) {
	dir := t.TempDir()
	type output struct{ stdout, stderr string }
	want := map[string]output{}
	var names []string
	for name, text := range carpScripts {
		path := filepath.Join(dir, name)
		check(t, os.WriteFile(path, []byte(text), 0o644))
		names = append(names, name)
		cmd := exec.Command("perl", path)
		cmd.Dir, cmd.Env = dir, []string{"PATH=" + os.Getenv("PATH")}
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		_ = cmd.Run() // its status is not compared
		want[name] = output{stdout.String(), timestamp.ReplaceAllString(stderr.String(), "[now] ")}
	}
	if len(want["runtime.pl"].stdout) == 0 {
		t.Fatalf("perl has no CGI::Carp (libcgi-pm-perl): %s", want["runtime.pl"].stderr)
	}
	compare := func(t *testing.T, name string, w *worker) {
		t.Helper()
		r := w.do(request{script: filepath.Join(dir, name)})
		if got := (output{r.stdout(), timestamp.ReplaceAllString(r.stderr, "[now] ")}); got != want[name] {
			t.Errorf("%s: got\n%+q, want\n%+q", name, got, want[name])
		}
	}
	slices.Sort(names)
	t.Run("persistent", func(t *testing.T) {
		w := spawn(t, "perl", resident.Start{})
		for range 3 {
			for _, name := range names {
				compare(t, name, w)
			}
			slices.Reverse(names)
		}
	})
	t.Run("before one without", func(t *testing.T) {
		for _, first := range names {
			w := spawn(t, "perl", resident.Start{})
			for _, name := range []string{first, "plain.pl", "runtime.pl"} {
				compare(t, name, w)
			}
		}
	})
	t.Run("fork", func(t *testing.T) {
		z := spawnZygote(t, "perl", resident.Start{Once: true})
		for range 2 {
			for _, name := range names {
				w := z.fork()
				compare(t, name, w)
				z.awaitExit(w.pid)
				w.close()
				z.send(resident.AppendCompile(nil, filepath.Join(dir, name)))
			}
		}
	})
}
