//go:build integration

package examples

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/anyfpm/anyfpm/tests/harness"
)

// A dockerfile is the last stage of one.
type dockerfile struct {
	copies     [][2]string
	user, stop string
	entry, cmd []string
	health     []string
	installs   string
}

func parseDockerfile(t *testing.T, text string) dockerfile {
	t.Helper()
	var f dockerfile
	list := func(text string) (words []string) {
		if err := json.Unmarshal([]byte(text), &words); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		return words
	}
	for line := range strings.Lines(strings.ReplaceAll(text, "\\\n", "")) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch word {
		case "FROM":
			f = dockerfile{}
		case "COPY":
			words := strings.Fields(strings.TrimPrefix(rest, "--from=build "))
			f.copies = append(f.copies, [2]string{words[0], words[1]})
		case "USER":
			f.user = rest
		case "STOPSIGNAL":
			f.stop = rest
		case "ENTRYPOINT":
			f.entry = list(rest)
		case "CMD":
			f.cmd = list(rest)
		case "HEALTHCHECK":
			f.health = list(rest[strings.Index(rest, "CMD ")+4:])
		case "RUN":
			f.installs = rest
		}
	}
	return f
}

// container makes, in a mount namespace of its own, a root directory of the
// machine's programs, copies into it what the Dockerfile copies, and becomes
// the container's first process.
const container = `
set -e
root=$1 user=$2; shift 2
for d in usr dev proc tmp etc srv; do mkdir -p $root/$d; done
for d in bin sbin lib lib64; do ln -s usr/$d $root/$d; done
mount --bind /usr $root/usr
mount -t tmpfs none $root/usr/local
mkdir -p $root/usr/local/sbin
mount --rbind /dev $root/dev
mount -t proc none $root/proc
chmod 1777 $root/tmp
for f in passwd group nsswitch.conf php alternatives ld.so.cache ld.so.conf ld.so.conf.d; do cp -a /etc/$f $root/etc/ 2>/dev/null || :; done
while [ "$1" != -- ]; do mkdir -p $root$(dirname $2); cp -r $1 $root$2; shift 2; done
shift
exec chroot --userspec=$user $root /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin PLACE="the test" "$@"
`

// There is no Docker here; what its Dockerfile says is done by hand: the files
// are copied into an otherwise plain root directory, and the entry point runs
// there as process 1 of its own process namespace, as the user it names.
func TestDocker(t *testing.T) {
	t.Parallel()
	root := harness.Root(t)
	f := parseDockerfile(t, read(t, filepath.Join(root, "examples/docker/Dockerfile")))
	if !strings.Contains(f.installs, "php-cgi") || f.stop != "SIGQUIT" || f.user != "www-data" {
		t.Errorf("the Dockerfile is not what the test does: %+v", f)
	}
	if os.Geteuid() != 0 {
		t.Log("only root can make a container")
		return
	}
	box := harness.NewSandbox(t, harness.Current())
	port := fmt.Sprint(harness.FreePort(t))
	patched := box.Path("files")
	if err := os.CopyFS(patched, os.DirFS(filepath.Join(root, "examples/docker"))); err != nil {
		t.Fatal(err)
	}
	conf := filepath.Join(patched, "anyfpm.conf")
	if err := os.WriteFile(conf, []byte(strings.Replace(read(t, conf), "listen = 9000", "listen = "+port, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	args := []string{"/usr/bin/unshare", "--mount", "--pid", "--fork", "--kill-child", "/bin/sh", "-c", container, "sh", box.Path("root"), f.user}
	for _, c := range f.copies {
		from := strings.Replace(c[0], "examples/docker", patched, 1)
		if from == "/anyfpm" {
			from = suite.Binary
		}
		args = append(args, from, c[1])
	}
	args = append(append(append(args, "--"), f.entry...), f.cmd...)
	if err := os.Mkdir(box.Path("root"), 0o755); err != nil {
		t.Fatal(err)
	}
	output, err := os.Create(box.Path("output"))
	if err != nil {
		t.Fatal(err)
	}
	defer output.Close()
	p := harness.Run(t, harness.Command{Args: args, Dir: "/", Output: output, As: harness.Current(), Env: []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}})
	log := harness.Follow(t, output.Name())
	log.Expect("NOTICE: fpm is running, pid 1$")
	log.Expect("NOTICE: ready to handle connections")

	health := append([]string{suite.Binary}, f.health[1:]...)
	for i := range health {
		health[i] = strings.Replace(health[i], ":9000", ":"+port, 1)
	}
	if out, err := exec.Command(health[0], health[1:]...).CombinedOutput(); err != nil || string(out) != "pong" {
		t.Errorf("the health check: %q, %v", out, err)
	}
	out, err := exec.Command(suite.Binary, "request", "127.0.0.1:"+port, "/srv/www/index.php?name=Ada").Output()
	if err != nil || string(out) != "Hello, Ada, from the test.\n" {
		t.Errorf("the site says %q, %v", out, err)
	}
	// The error log and the access log are one file here, in no order.
	harness.Eventually(t, harness.Patience, func() error {
		for _, line := range []string{`(?m)^NOTICE: PHP message: asked by Ada$`, `(?m)"GET .*index\.php" 200$`} {
			if text := read(t, output.Name()); !regexp.MustCompile(line).MatchString(text) {
				return fmt.Errorf("no line matches %s in\n%s", line, text)
			}
		}
		return nil
	})
	first := p.Find("master process")
	if len(first) != 1 {
		t.Fatalf("process 1 is %v", p.Family())
	}
	if err := syscall.Kill(first[0].PID, syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	if status := p.Wait(harness.Patience); status.ExitStatus() != 0 {
		t.Errorf("it ended with code %d", status.ExitStatus())
	}
	log.Expect("NOTICE: exiting, bye-bye!")
}
