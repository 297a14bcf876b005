package slowlog

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// goSleeper is a Go program that waits for a peer. Its main thread is kept for
// the main goroutine, so that another thread waits.
const goSleeper = `package main

import (
	"net"
	"os"
	"runtime"
)

func init() { runtime.LockOSThread() }

func query(db net.Conn) {
	os.Stdout.WriteString("END\n")
	db.Read(make([]byte, 1))
}

func main() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	db, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		panic(err)
	}
	query(db)
}
`

// What a Go program waits for is found on whatever thread waits, and its
// tables are read once.
func TestGoProgram(t *testing.T) {
	dir := t.TempDir()
	source, program := filepath.Join(dir, "main.go"), filepath.Join(dir, "program")
	if err := os.WriteFile(source, []byte(goSleeper), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("go", "build", "-o", program, source).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	target, err := Open(startBlocked(t, exec.Command(program)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	var r Report
	defer func() {
		if t.Failed() {
			t.Logf("got %+v", r)
		}
	}()
	eventually(t, "the program waits for its peer", func() bool {
		r = target.Report(t.Context())
		return r.Wait.Call == "epoll_pwait" && strings.Contains(r.Wait.String(), "tcp 127.0.0.1:")
	})
	if main := target.wait(target.pid, target.pid); main.Call != "futex" {
		t.Errorf("the main thread is in %s: nothing was tested", main)
	}
	tables := target.program.golang
	r = target.Report(t.Context())
	if !hasFrame(r, "main.query") || !hasFrame(r, "main.main") {
		t.Error("the goroutine was not found")
	}
	if tables == nil || target.program.golang != tables {
		t.Error("the program's tables were read again")
	}
}
