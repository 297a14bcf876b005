package harness_test

import (
	"bufio"
	"log"
	"net"
	"net/http"
	"net/http/cgi"
	"net/http/fcgi"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/anyfpm/anyfpm/tests/harness"
)

// fake is a service whose program is this test binary: the least that can
// pass for a manager, made of the standard library. fault says what it does
// wrong.
func fake(t *testing.T, as harness.Identity, fault string) harness.Service {
	t.Helper()
	return harness.Service{
		Binary: "/proc/self/exe",
		Conf:   "[www]\n",
		Env:    []string{"FAKE_MANAGER=1", "FAKE_FAULT=" + fault},
		As:     as,
	}
}

// fakeManager serves the last listen directive of a configuration until it is
// told to stop. It returns its exit code.
func fakeManager(conf string) int {
	directives, err := readDirectives(conf)
	if err != nil {
		return 78
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGQUIT)
	l, err := net.Listen("unix", directives["listen"])
	if err != nil {
		return 78
	}
	go fcgi.Serve(l, http.HandlerFunc(runScript))

	file, err := os.OpenFile(directives["error_log"], os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return 78
	}
	events := log.New(file, "", 0)
	events.Print("NOTICE: ready to handle connections")
	misbehave(os.Getenv("FAKE_FAULT"), directives, events)
	<-stop
	events.Print("NOTICE: exiting, bye-bye!")
	if err := l.Close(); err != nil {
		return 1
	}
	return 0
}

func misbehave(fault string, directives map[string]string, events *log.Logger) {
	switch fault {
	case "process": // in a session of its own and orphaned
		_ = exec.Command("setsid", "--fork", "sleep", "60").Run()
	case "file":
		_ = os.WriteFile(directives["pid"], nil, 0o644)
	case "temporary":
		_ = os.WriteFile(filepath.Join(os.TempDir(), "body"), nil, 0o644)
	case "panic":
		events.Print("panic: runtime error")
	}
}

func readDirectives(conf string) (map[string]string, error) {
	file, err := os.Open(conf)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	directives := make(map[string]string)
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), " = ")
		directives[key] = value
	}
	return directives, lines.Err()
}

func runScript(w http.ResponseWriter, r *http.Request) {
	if os.Getenv("FAKE_FAULT") == "descriptors" {
		for range 20 {
			_, _ = syscall.Open("/dev/null", syscall.O_RDONLY, 0)
		}
	}
	env := fcgi.ProcessEnv(r)
	(&cgi.Handler{Path: env["SCRIPT_FILENAME"], Dir: filepath.Dir(env["SCRIPT_FILENAME"])}).ServeHTTP(w, r)
}
