package config

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A verdict is what a program says about a configuration: remarks, the first
// fault, the line php-fpm ends with, and the dump of a valid one.
type verdict struct {
	remarks []string
	fault   string
	trailer string
	dump    []string
}

// findPHPFPM returns the php-fpm to compare with.
func findPHPFPM(t testing.TB) string {
	t.Helper()
	for _, path := range []string{"/usr/sbin/php-fpm8.2", "/usr/sbin/php-fpm"} {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	t.Fatal("php-fpm is needed to compare with: apt-get install php8.2-fpm")
	return ""
}

var (
	logTime     = regexp.MustCompile(`^\[\d\d-\w{3}-\d{4} [\d:]+\] `)
	phpSyntax   = regexp.MustCompile(`^PHP:  (.*) in Unknown on line \d+$`)
	successLine = regexp.MustCompile(`^NOTICE: configuration file .* test is successful$`)
)

// askPHPFPM runs php-fpm -tt on a file of dir, in which it also starts.
func askPHPFPM(t testing.TB, program, dir, file string, env ...string) verdict {
	t.Helper()
	cmd := exec.Command(program, "-tt", "-R", "-n", "-y", file)
	cmd.Dir = dir
	cmd.Env = append([]string{"PATH=/usr/bin:/bin", "CORPUS=" + dir}, env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	var v verdict
	for line := range strings.Lines(out.String()) {
		line = logTime.ReplaceAllString(strings.TrimSuffix(line, "\n"), "")
		if m := phpSyntax.FindStringSubmatch(line); m != nil {
			line = "ERROR: " + m[1]
		}
		level, text, _ := strings.Cut(line, ": ")
		switch {
		case line == "" || successLine.MatchString(line):
		case level == "ERROR" || level == "ALERT":
			if v.fault == "" {
				v.fault = line
			}
			if strings.HasPrefix(text, "failed to load configuration file") || strings.HasPrefix(text, "failed to post process") {
				v.trailer = text
			}
		case level == "NOTICE" && (strings.HasPrefix(text, "\t") || text == " " || isHeading(text)):
			v.dump = append(v.dump, text)
		case level == "NOTICE" || level == "WARNING":
			v.remarks = append(v.remarks, line)
		}
	}
	if (err == nil) != (v.fault == "") {
		t.Fatalf("%s on %s: %v\n%s", program, file, err, out.String())
	}
	return v
}

// isHeading tells a section's heading in a dump from a pool's notice.
func isHeading(text string) bool {
	return strings.HasPrefix(text, "[") && strings.HasSuffix(text, "]")
}

// askAnyfpm loads the file as php-fpm would.
func askAnyfpm(t testing.TB, dir, file string, opt Options) (verdict, *Errors) {
	t.Helper()
	t.Chdir(dir)
	opt.Test, opt.PHP, opt.AllowRoot = true, true, true
	opt.Root = os.Geteuid() == 0
	c, notices, err := Load(file, opt)
	var v verdict
	for _, n := range notices {
		v.remarks = append(v.remarks, string(n.Level)+": "+n.Text)
	}
	if err != nil {
		faults := err.(*Errors)
		v.fault = string(faults.Faults[0].Level) + ": " + faults.Faults[0].Text
		v.trailer = faults.Trailer()
		return v, faults
	}
	var out bytes.Buffer
	if err := Dump(&out, c); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		if line != "\n" { // a newline in a value
			v.dump = append(v.dump, strings.TrimSuffix(line, "\n"))
		}
	}
	return v, nil
}

// corpusEnv is the environment both programs see.
func corpusEnv(dir string) func(string) string {
	return func(name string) string {
		return map[string]string{"CORPUS": dir, "PATH": "/usr/bin:/bin", "GREETING": "good day"}[name]
	}
}

var syntaxPlace = regexp.MustCompile(`^ERROR: \[[^]]*:\d+\] syntax error`)

// compare reports where our verdict differs from php-fpm's.
func compare(theirs, ours verdict) []string {
	var differences []string
	differ := func(what, php, mine string) {
		differences = append(differences, what+":\n\tphp-fpm: "+php+"\n\tanyfpm:  "+mine)
	}
	mine := syntaxPlace.ReplaceAllString(ours.fault, "ERROR: syntax error")
	if !strings.HasPrefix(mine, theirs.fault) || (mine == "") != (theirs.fault == "") {
		differ("first fault", theirs.fault, mine)
		return differences
	}
	if theirs.trailer != ours.trailer {
		differ("trailer", theirs.trailer, ours.trailer)
	}
	rest := ours.remarks
	for _, remark := range theirs.remarks {
		found := false
		for i, r := range rest {
			if r == remark {
				rest, found = rest[i+1:], true
				break
			}
		}
		if !found {
			differ("remark", remark, strings.Join(ours.remarks, "\n\t\t"))
		}
	}
	for i := range max(len(theirs.dump), len(ours.dump)) {
		var php, mine string
		if i < len(theirs.dump) {
			php = theirs.dump[i]
		}
		if i < len(ours.dump) {
			mine = ours.dump[i]
		}
		if php != mine {
			differ("dump", php, mine)
			break
		}
	}
	return differences
}

// compareText compares the verdicts on a configuration text.
func compareText(t *testing.T, program, dir, text string) []string {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "test.conf"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ours, _ := askAnyfpm(t, dir, "test.conf", Options{Getenv: corpusEnv(dir)})
	return compare(askPHPFPM(t, program, dir, "test.conf", "GREETING=good day"), ours)
}
