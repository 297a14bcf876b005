//go:build integration

package scenario

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/anyfpm/anyfpm/internal/config"
	"github.com/anyfpm/anyfpm/tests/harness"
)

// Each wrong value of each directive keeps the program from starting: with exit
// code 78, php-fpm's message, and the file and line to look at.
func TestMistakes(t *testing.T) {
	t.Parallel()
	box := harness.NewSandbox(t, harness.Current())
	asRoot := os.Geteuid() == 0
	tried, forms := 0, map[string]bool{}
	for _, m := range config.Mistakes() {
		if m.Root && !asRoot {
			continue
		}
		if _, form, _ := strings.Cut(m.Name, " "); !strings.HasPrefix(form, "=") {
			if forms[form] {
				continue // the way it is written is wrong with each in the same way
			}
			forms[form] = true
		}
		args := []string{"-F", "-O"}
		if asRoot && m.Root {
			m.Text = strings.Replace(m.Text, "[www]\n", "[www]\nuser = www-data\n", 1)
			m.Line++
		} else if asRoot {
			args = append(args, "-R")
		}
		path := filepath.Join(box.Dir, "mistake.conf")
		if err := os.WriteFile(path, []byte(m.Text), 0o644); err != nil {
			t.Fatal(err)
		}
		place := path + ":" + strconv.Itoa(m.Line)
		want := strings.ReplaceAll(m.Fault, "FILE", path)
		for _, manner := range []string{"anyfpm", "php-fpm"} {
			if manner == "php-fpm" && m.Own {
				continue
			}
			args := args
			if manner == "php-fpm" {
				args = append([]string{"--php"}, args...)
			}
			out, err := exec.Command(suite.Binary, append(args, "-y", path)...).CombinedOutput()
			said := string(out)
			if code := exitCode(err); code != 78 || strings.Contains(said, "fpm is running") {
				t.Errorf("%s as %s: exit code %d\n%s", m.Name, manner, code, said)
			}
			if !strings.Contains(said, "] "+want) || manner == "anyfpm" && !strings.Contains(said, place) ||
				!strings.HasSuffix(said, "ERROR: FPM initialization failed\n") {
				t.Errorf("%s as %s:\ngot  %s\nwant %s at %s", m.Name, manner, said, want, place)
			}
			tried++
		}
	}
	if tried < 350 {
		t.Errorf("only %d were tried", tried)
	}
}

func exitCode(err error) int {
	if exit, ok := err.(*exec.ExitError); ok {
		return exit.ExitCode()
	}
	return 0
}
