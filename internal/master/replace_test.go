package master

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/internal/proc"
)

// inheritVariable makes the test binary a program that finds an estate it does
// not understand.
const inheritVariable = "MASTER_TEST_INHERIT"

// runInherit leaves an estate of the future to itself, with env as the program
// that has left it.
func runInherit() error {
	image, err := unix.Open("/usr/bin/env", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	e := &Estate{Version: estateVersion + 1, Program: "v9", Image: image, Stderr: -1}
	fd, err := e.write()
	if err != nil {
		return err
	}
	_, _, err = Inherit([]string{"env"}, []string{"KEPT=1", estateVariable + "=" + strconv.Itoa(fd)})
	return err
}

func TestEstateOfNoUseGoesBack(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), inheritVariable+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, want := range []string{"KEPT=1\n", estateVariable + "=", returnedVariable + "=the program that runs (v9) leaves version " + strconv.Itoa(estateVersion+1)} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the program before was not executed with %q:\n%s", want, out)
		}
	}
}

func TestNoEstate(t *testing.T) {
	i, rest, err := Inherit(nil, []string{"A=1", returnedVariable + "=x"})
	if i != nil || err != nil || len(rest) != 1 {
		t.Errorf("found %v, %q, %v", i, rest, err)
	}
	for _, value := range []string{"x", "1", "999"} {
		if _, _, err := Inherit(nil, []string{estateVariable + "=" + value}); err == nil {
			t.Errorf("took %q for an estate", value)
		}
	}
}

// replaceable makes the program of a service one that is said to be able to
// take over, and execute what happens then.
func (s *service) replaceable(execute func(path string, args, environ []string) error) func(*Options) {
	s.t.Helper()
	path := s.path("next")
	if err := os.WriteFile(path, []byte("#!/bin/sh\necho '{\"version\":\"v2\"}' >&3\n"), 0o755); err != nil {
		s.t.Fatal(err)
	}
	return func(o *Options) {
		o.Program = Program{Path: path, Args: []string{"anyfpm", "-F"}, Environ: []string{"A=1", "LISTEN_FDS=1"}}
		o.Exec = execute
	}
}

// A program that cannot be executed after all leaves everything as it was,
// whatever had come to rest for it.
func TestProgramThatCannotBeExecuted(t *testing.T) {
	s := newService(t, "www", "api")
	var estate *Estate
	s.start(s.replaceable(func(path string, args, environ []string) error {
		if path != s.path("next") || strings.Join(args, " ") != "anyfpm -F" {
			t.Errorf("executes %s %q", path, args)
		}
		if len(environ) != 2 || environ[0] != "A=1" {
			t.Errorf("environment %q", environ)
		}
		fd, err := strconv.Atoi(strings.TrimPrefix(environ[1], estateVariable+"="))
		if err != nil {
			t.Error(err)
		}
		if estate, err = readEstate(fd); err != nil {
			t.Error(err)
		}
		for _, fd := range append(estate.descriptors(), fd) {
			if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags != 0 {
				t.Errorf("descriptor %d: %#x, %v", fd, flags, err)
			}
		}
		return syscall.ENOMEM
	}))
	_, before := s.who("www")
	for range 2 {
		err := NewClient(s.path("control")).Reload(t.Context(), "")
		if err == nil || !strings.Contains(err.Error(), "cannot take over") || !strings.Contains(err.Error(), "cannot allocate memory") {
			t.Errorf("reload ended with %v", err)
		}
	}
	if err := estate.check(); err != nil {
		t.Error(err)
	}
	if len(estate.Pools) != 2 || estate.Pools[0].Current == nil || len(estate.Waiters) != 1 || len(estate.Sockets) != 3 {
		t.Errorf("estate %+v", estate)
	}
	if generation, pid := s.who("www"); generation != 1 || pid != before {
		t.Errorf("generation %d, pid %d", generation, pid)
	}
	// The links work: snapshots are asked for and given.
	service, err := NewClient(s.path("control")).Status(t.Context())
	if err != nil || len(service.Pools) != 2 || service.Pools[0].Unreachable || service.FailedReloads != 2 {
		t.Errorf("status %+v, %v", service, err)
	}
	s.kill(before) // and the reaper
	if _, pid := s.who("www"); pid == before {
		t.Error("the dead one answers")
	}
	if err := NewClient(s.path("control")).Reload(t.Context(), "www"); err != nil {
		t.Errorf("a reload of one pool looks for a program: %v", err)
	}
}

// A program that says nothing is given up and killed.
func TestProgramThatSaysNothing(t *testing.T) {
	program := exec.Command("sleep", "600")
	program.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	exited := make(chan proc.Exit, 1)
	go func() {
		_ = program.Wait()
		exited <- proc.Exit{PID: program.Process.Pid}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	m := &Master{ending: context.Background()}
	if _, err := m.witness(ctx, program.Process.Pid, out, exited); err == nil || err.Error() != "it did not say within 30s that it can, and was killed" {
		t.Errorf("got %v", err)
	}
	if !program.ProcessState.Sys().(syscall.WaitStatus).Signaled() {
		t.Errorf("it ended with %v", program.ProcessState)
	}
}

// The service can end while it comes to rest for another program.
func TestEndDuringSuspension(t *testing.T) {
	for name, end := range map[string]func(s *service){
		"quit": func(s *service) { s.master.finish() },
		"term": func(s *service) { s.master.terminate() },
	} {
		t.Run(name, func(t *testing.T) {
			s := newService(t, "www", "api")
			s.start(s.replaceable(func(string, []string, []string) error { return errors.New("not executed") }))
			s.on(func() {
				s.master.requestReload("", waiter{})
				s.master.suspend(func(error) { t.Error("it came to rest") })
				end(s)
			})
			if err := s.wait(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestStatesHaveNames(t *testing.T) {
	for s := range poolClosing + 1 {
		if got, err := stateNamed(s.String(), poolClosing); got != s || err != nil {
			t.Errorf("%v is %v, %v", s, got, err)
		}
	}
	for s := range supervisorGone + 1 {
		if got, err := stateNamed(s.String(), supervisorGone); got != s || err != nil {
			t.Errorf("%v is %v, %v", s, got, err)
		}
	}
	if _, err := stateNamed("asleep", poolClosing); err == nil {
		t.Error("an unknown state was found")
	}
}

func TestSupervisorsOfAnotherProtocol(t *testing.T) {
	e := &Estate{Version: estateVersion, Program: "v1", Pools: []estatePool{{Leaving: []estateSupervisor{{Protocol: 99}}}}}
	if err := e.check(); err == nil || !strings.Contains(fmt.Sprint(err), "version 99 of the control protocol") {
		t.Errorf("check says %v", err)
	}
}
