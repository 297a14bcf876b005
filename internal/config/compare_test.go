package config

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
)

// differences are the places where anyfpm says something else than php-fpm on
// purpose. Each must occur in the comparison, or it is out of date.
var differences = []struct {
	phpfpm, anyfpm string // patterns of the two lines
	reason         string
}{
	{
		`^ERROR: Unable to include .* at line \d+$|^ERROR: \[.*:\d+\] |^WARNING: Nothing matches .* at line \d+\.$`, `^ERROR: |^WARNING: `,
		"php-fpm's line counter goes on from where the included file ended; ours names the true line",
	},
	{
		`^$`, `^ERROR: invalid port value '\d+'$`,
		"php-fpm finds out when it binds",
	},
	{
		`^$`, `^ERROR: cannot bind to UNIX socket '.*' as path is too long`,
		"php-fpm 8.2 cuts the path silently, 8.4 refuses it when it binds",
	},
	{
		`^$`, `^ERROR: \[pool \w+\] unable to set listen address as it's already used in another pool`,
		"php-fpm compares the spelling of addresses only, and finds out when it binds",
	},
	{
		`^$`, `^ERROR: .*can't be negative$`,
		"php-fpm counts with negative times, to nobody's use",
	},
	{
		`^\tpid = /var/$`, `^\tpid = $`,
		"an empty pid is no pid file; php-fpm would fail to write to a directory",
	},
}

// toleration checks comparisons against the table of differences.
type toleration map[int]bool // the rows that were used

// tolerated reports whether a difference is in the table, and notes its use.
func (used toleration) covers(difference string) bool {
	lines := strings.Split(difference, "\n\t")
	if len(lines) < 3 {
		return false
	}
	theirs := strings.TrimPrefix(lines[1], "php-fpm: ")
	mine := strings.TrimPrefix(lines[2], "anyfpm:  ")
	for i, d := range differences {
		if regexp.MustCompile(d.phpfpm).MatchString(theirs) && regexp.MustCompile(d.anyfpm).MatchString(mine) {
			used[i] = true
			return true
		}
	}
	return false
}

// TestLikePHPFPM gives every configuration of the corpus and of the
// transcripts to php-fpm and compares its first fault, its remarks and its
// dump with ours.
func TestLikePHPFPM(t *testing.T) {
	program := findPHPFPM(t)
	dir := copyCorpus(t)
	quietly(t)
	scripts := transcripts(t) // before the working directory changes
	used := toleration{}
	check := func(t *testing.T, name string, found []string) {
		for _, d := range found {
			if !used.covers(d) {
				t.Errorf("%s: %s", name, d)
			}
		}
	}
	for _, file := range corpusFiles(t, dir) {
		opt := Options{Getenv: corpusEnv(dir)}
		ours, _ := askAnyfpm(t, dir, file, opt)
		check(t, file, compare(askPHPFPM(t, program, dir, file, "GREETING=good day"), ours))
	}
	for _, transcript := range scripts {
		if strings.HasPrefix(filepath.Base(transcript), "own") {
			continue // php-fpm does not know our directives
		}
		datadriven.RunTest(t, transcript, func(t *testing.T, d *datadriven.TestData) string {
			check(t, d.Pos, compareText(t, program, dir, configuration(t, d)))
			return d.Expected
		})
	}
	checkValues(func(line, text string) { check(t, line, compareText(t, program, dir, text)) })
	for i, d := range differences {
		if !used[i] {
			t.Errorf("no case shows this difference: %s", d.reason)
		}
	}
}

// valuesToTry are values, right and wrong, for a kind of directive.
func valuesToTry(kind string) []string {
	switch kind {
	case "integer", "integer or unlimited":
		return []string{"", "-1", "70", "-", "1x", "99999999999999999999", "Unlimited"}
	case "time":
		return []string{"", "-1", "5s", "2m", "1.5h", "xd", "5w", "2147483648"}
	case "boolean":
		return []string{"", "on", `"Yes"`, "2"}
	default:
		return []string{"", "0", "Static", "/tmp", "$pool", "a, b"}
	}
}

// checkValues tries values of all kinds with every directive php-fpm has.
func checkValues(try func(line, text string)) {
	for _, groups := range [][]group{globalGroups, poolGroups} {
		for _, g := range groups {
			for _, d := range g.directives {
				if d.origin != phpFPM || d.name == "listen.setfib" || d.name == "error_log" {
					continue // error_log would create files below /var
				}
				for _, value := range valuesToTry(d.value.kind) {
					line := fmt.Sprintf("%s = %s\n", d.name, value)
					text := prelude + "prefix = ${CORPUS}\n" + line // where logs may be created
					if find(globalGroups, d.name) != nil && find(poolGroups, d.name) == nil {
						text = "[global]\nerror_log = /dev/null\n" + line + poolPrelude
					}
					try(line, text)
				}
			}
		}
	}
}

// TestRandomLinesLikePHPFPM reads lines made of everything that means
// something to PHP's scanner.
func TestRandomLinesLikePHPFPM(t *testing.T) {
	program := findPHPFPM(t)
	dir := t.TempDir()
	count := 150
	if testing.Short() {
		count = 30
	}
	random := rand.New(rand.NewPCG(*seed, 0))
	starts := []string{
		"ping.path = /ping\nping.response =", "env[A] =", "env[A]=", "env[", "ping.response", "[", "", "php_value[",
		"user = ", "rlimit_files = ", " ", "\t", "include", "access.suppress_path[] = ", "on",
	}
	pieces := strings.Split(`a|b1|E_ALL|yes|no|null|On|none| | |"|"|'|'x'|"q"|${GREETING}|${|}|$|$pool|=|=|;|[|]|\|&|^|~|!|(|)|1|2|-3|1.5|.|,|:|/|#|@|%|{|<|?|*|E_NOTICE|\"|$\|0`, "|")
	pieces = append(pieces, "|", "\t", "\r", "\xef\xbb\xbf", "\xe9", "\x00")
	for range count {
		line := starts[random.IntN(len(starts))]
		for range 1 + random.IntN(6) {
			line += pieces[random.IntN(len(pieces))]
		}
		for _, difference := range compareText(t, program, dir, prelude+line+"\n") {
			t.Errorf("%q: %s", line, difference)
		}
	}
}

// quietly keeps the transcripts out of the output of -v.
func quietly(t *testing.T) {
	t.Helper()
	if err := flag.Set("datadriven-quiet", "true"); err != nil {
		t.Fatal(err)
	}
}

// copyCorpus copies testdata/conf to where logs may be created.
func copyCorpus(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/conf")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("nowhere", filepath.Join(dir, "inc/dangling.inc")); err != nil {
		t.Fatal(err)
	}
	return dir
}
