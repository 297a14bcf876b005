//go:build integration

package scenario

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/anyfpm/anyfpm/tests/harness"
)

// Under its name the command line is php-fpm's: the same flags, written in the
// same ways, give the same output on the same streams and the same exit code.
func TestSameCommandLineAsPHPFPM(t *testing.T) {
	t.Parallel()
	box := harness.NewSandbox(t, harness.Current())
	link := box.Path("php-fpm8.2")
	if err := os.Symlink(suite.Binary, link); err != nil {
		t.Fatal(err)
	}
	user := ""
	if harness.Current().PoolUser != "" {
		user = "user = nobody\n" // an ordinary user is told that it counts for nothing
	}
	writeFile(t, box.Path("ok.conf"), "[global]\nerror_log = "+box.Path("log", "error.log")+"\n[www]\n"+user+"listen = 127.0.0.1:9000\npm = static\npm.max_children = 1\n", 0o644)
	writeFile(t, box.Path("bad.conf"), "[global]\nerror_log = "+box.Path("log", "error.log")+"\n[www]\n"+user+"listen = 127.0.0.1:9000\npm = static\n", 0o644)
	writeFile(t, box.Path("nopid.conf"), "[global]\npid = "+box.Path("none", "x.pid")+"\nerror_log = "+box.Path("log", "error.log")+"\n[www]\n"+user+"listen = "+box.Path("run", "s.sock")+"\npm = static\npm.max_children = 1\n", 0o644)
	stamp := regexp.MustCompile(`(?m)^\[[^]]*\] |^\n`)
	ask := func(program string, args []string) (stdout, stderr string, code int) {
		cmd := exec.Command(program, args...)
		cmd.Dir = box.Dir
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		code = exitCode(cmd.Run())
		return stamp.ReplaceAllString(out.String(), ""), stamp.ReplaceAllString(errs.String(), ""), code
	}
	for _, line := range []string{
		"-v", "--version", "-h", "-?", "--help", "--usage",
		"--nonsense", "-Z", "-y", "word", "-t -y ok.conf word", "-t -y ok.conf -d",
		"-t -y ok.conf", "-tt -y ok.conf", "-t -t -y ok.conf", "--test --test --fpm-config ok.conf", "-t --fpm-config=ok.conf",
		"-nty ok.conf", "-yok.conf -t", "-y=ok.conf -t", "-t -y ok.conf -c /nowhere", "-t -y ok.conf -g x.pid -D -F -O -R -e -n -d a=b",
		"-t -y none.conf", "-t -y bad.conf", "-F -y bad.conf", "-D -y bad.conf", "-F -O -y none.conf",
		"-F -O -y nopid.conf", "-D -y nopid.conf",
	} {
		wantOut, wantErr, wantCode := ask(phpFPM, strings.Fields(line))
		gotOut, gotErr, gotCode := ask(link, strings.Fields(line))
		if gotCode != wantCode {
			t.Errorf("%s: exit code %d, php-fpm's is %d", line, gotCode, wantCode)
		}
		if gotOut != wantOut || gotErr != wantErr {
			t.Errorf("%s: php-fpm says\n%s%s\nand anyfpm\n%s%s", line, wantOut, wantErr, gotOut, gotErr)
		}
	}
}
