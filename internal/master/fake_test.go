package master

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/internal/control"
	"github.com/anyfpm/anyfpm/internal/proc"
)

// The behaviours of a fake supervisor, in the pool's env[FAKE].
const (
	fakeFails   = "fails"   // says that its workers do not start
	fakeExits   = "exits"   // ends before it is ready
	fakeSilent  = "silent"  // is never ready
	fakeGarbage = "garbage" // breaks the protocol
	fakeDeaf    = "deaf"    // does not end when asked to
	fakeDefects = "defects" // nor is it in its process group
	fakeQuiet   = "quiet"   // says so whenever it has no connection
	fakeCrashes = "crashes" // tells of workers that die of SIGSEGV
)

// A fake is a supervisor without workers: it answers the lines of its
// connections itself.
type fake struct {
	master *control.Conn
	start  *control.Start
	fds    []int
	mode   string

	mu          sync.Mutex
	connections int
	draining    bool
	workers     sync.WaitGroup
}

// runFake is the whole program of a fake supervisor.
func runFake() error {
	signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGHUP)
	if err := proc.BecomeSubreaper(); err != nil {
		return err
	}
	conn, err := control.FromFD(3)
	if err != nil {
		return err
	}
	m, fds, err := conn.Receive()
	if err != nil {
		return err
	}
	f := &fake{master: conn, start: m.(*control.Start), fds: fds}
	if len(f.fds) != len(f.start.FDs) {
		return errors.New("descriptors are missing")
	}
	for _, kv := range f.start.Pool.Env {
		if kv.Key == "FAKE" {
			f.mode = kv.Value
		}
	}
	return f.run()
}

func (f *fake) run() error {
	switch f.mode {
	case fakeExits:
		return errors.New("told to exit")
	case fakeGarbage:
		return f.breakProtocol()
	case fakeFails:
		if err := f.master.Send(&control.Failed{Reason: "no interpreter"}); err != nil {
			return err
		}
	case fakeSilent:
	case fakeDefects:
		group, err := unix.Getpgid(os.Getppid())
		if err := errors.Join(err, unix.Setpgid(0, group), f.master.Send(&control.Ready{})); err != nil {
			return err
		}
	default:
		// Ready is the first word: a client that came before it might make us
		// say Quiet first.
		if err := f.master.Send(&control.Ready{}); err != nil {
			return err
		}
		for i, name := range f.start.FDs {
			if strings.HasPrefix(name, control.FDListen) {
				go f.accept(f.fds[i])
			}
		}
		if f.mode == fakeCrashes {
			for range 3 {
				if err := f.master.Send(&control.WorkerExited{PID: 1, Signal: int(syscall.SIGSEGV)}); err != nil {
					return err
				}
			}
		}
	}
	return f.obey()
}

func (f *fake) deaf() bool { return f.mode == fakeDeaf || f.mode == fakeDefects }

func (f *fake) breakProtocol() error {
	fd, err := f.master.Dup()
	if err != nil {
		return err
	}
	if _, err := unix.Write(fd, []byte("\xff\xff\xff\xff\xff\xff\xff\xff")); err != nil {
		return err
	}
	return unix.Pause()
}

// obey does what the master says, and ends when it is gone.
func (f *fake) obey() error {
	for {
		m, fds, err := f.master.Receive()
		if err != nil {
			os.Exit(2)
		}
		switch m := m.(type) {
		case *control.Drain:
			if f.deaf() {
				continue
			}
			f.mu.Lock()
			f.draining = true
			f.mu.Unlock()
			for i, name := range f.start.FDs {
				if strings.Contains(name, ":") {
					_ = unix.Close(f.fds[i])
				}
			}
			go func() {
				f.workers.Wait()
				os.Exit(0)
			}()
		case *control.Stop:
			if !f.deaf() {
				os.Exit(0)
			}
		case *control.SnapshotRequest:
			if f.mode == fakeSilent {
				continue
			}
			status := fmt.Sprintf(`{"pool":"an impostor","accepted_conn":7,"active_processes":%d}`, f.start.Generation)
			if err := f.master.Send(&control.Snapshot{ID: m.ID, Status: []byte(status)}); err != nil {
				return err
			}
		case *control.Connections:
			for _, fd := range fds {
				f.mu.Lock()
				f.connections++
				f.workers.Add(1)
				f.mu.Unlock()
				go f.serve(fd)
			}
		case *control.Reopen:
			for i, fd := range fds {
				_, _ = unix.Write(fd, []byte("reopened "+m.FDs[i]+"\n"))
				_ = unix.Close(fd)
			}
		}
	}
}

func (f *fake) accept(fd int) {
	for {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		if _, err := unix.Poll(fds, -1); err != nil && err != unix.EINTR {
			return
		}
		f.mu.Lock()
		if f.draining {
			f.mu.Unlock()
			return
		}
		nfd, _, err := unix.Accept4(fd, unix.SOCK_CLOEXEC)
		if err == nil {
			f.connections++
			f.workers.Add(1)
		}
		f.mu.Unlock()
		if err == nil {
			go f.serve(nfd)
		}
	}
}

func (f *fake) serve(fd int) {
	file := os.NewFile(uintptr(fd), "connection")
	conn, err := net.FileConn(file)
	file.Close()
	if err == nil {
		lines := bufio.NewScanner(conn)
		for lines.Scan() {
			fmt.Fprintln(conn, f.answer(lines.Text()))
		}
		conn.Close()
	}
	f.mu.Lock()
	f.connections--
	quiet := f.mode == fakeQuiet && f.connections == 0 && !f.draining
	f.mu.Unlock()
	f.workers.Done()
	if quiet {
		_ = f.master.Send(&control.Quiet{})
	}
}

// answer does what a line asks for.
func (f *fake) answer(line string) string {
	switch {
	case line == "who":
		return fmt.Sprintf("%s %d %d", f.start.Pool.Name, f.start.Generation, os.Getpid())
	case line == "child":
		reaper := proc.NewReaper(nil)
		starter := proc.NewStarter(reaper)
		go func() { _ = starter.Run(context.Background()) }()
		pid, err := starter.Start(proc.Spec{Path: "/bin/sleep", Args: []string{"sleep", "1000"}, Setpgid: true}, func(proc.Exit) {})
		if err != nil {
			return err.Error()
		}
		return strconv.Itoa(pid)
	case strings.HasPrefix(line, "wait "):
		d, _ := time.ParseDuration(line[len("wait "):])
		<-time.After(d)
		return "waited"
	case line == "fds":
		return strings.Join(f.start.FDs, " ")
	default:
		return "what?"
	}
}
