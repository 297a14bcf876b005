package harness

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
)

// Session calls f with a T that belongs to no test, and returns what f found
// wrong. Cleanups have run when it returns. Logf writes to log.
func Session(name string, log io.Writer, f func(T)) error {
	s := &session{name: name, log: log}
	done := make(chan struct{})
	go func() { // Fatalf ends this goroutine, not the caller's
		defer close(done)
		defer s.cleanup()
		f(s)
	}()
	<-done
	return errors.Join(s.errs...)
}

type session struct {
	name string
	log  io.Writer

	mu       sync.Mutex
	errs     []error
	cleanups []func()
}

func (*session) Helper() {}

func (s *session) Name() string { return s.name }

func (s *session) Cleanup(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cleanups = append(s.cleanups, f)
}

func (s *session) Failed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.errs) > 0
}

func (s *session) Logf(format string, args ...any) {
	_, _ = fmt.Fprintf(s.log, format+"\n", args...)
}

func (s *session) Errorf(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.errs = append(s.errs, fmt.Errorf(format, args...))
}

func (s *session) Fatalf(format string, args ...any) {
	s.Errorf(format, args...)
	runtime.Goexit()
}

// cleanup runs the cleanups, last first, each on a goroutine of its own
// because it may call Fatalf.
func (s *session) cleanup() {
	for last := s.pop(); last != nil; last = s.pop() {
		done := make(chan struct{})
		go func() {
			defer close(done)
			last()
		}()
		<-done
	}
}

func (s *session) pop() func() {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.cleanups)
	if n == 0 {
		return nil
	}
	last := s.cleanups[n-1]
	s.cleanups = s.cleanups[:n-1]
	return last
}
