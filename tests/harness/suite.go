package harness

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"
)

// A Suite is a package of scenarios: it has the binary under test and the
// ways to start it.
type Suite struct {
	// Binary is the program under test.
	Binary string
}

// Run is the whole of a TestMain: it builds the binary, or takes the one that
// -bin names, runs the tests, looks for goroutines they left, and returns the
// exit code.
func (s *Suite) Run(m *testing.M) int {
	Main()
	flag.StringVar(&s.Binary, "bin", "", "test this `program` instead of building one")
	flag.Parse()
	if s.Binary == "" {
		binary, remove, err := Build()
		if err != nil {
			return complain(err)
		}
		defer remove()
		s.Binary = binary
	}
	before := runtime.NumGoroutine()
	code := m.Run()
	err := until(time.Now().Add(Patience), func() error {
		if now := runtime.NumGoroutine(); now > before {
			return fmt.Errorf("%d goroutines left:\n%s", now-before, stacks())
		}
		return nil
	})
	if err != nil {
		return complain(err)
	}
	return code
}

// Start starts the binary as the current user; see the function Start.
func (s *Suite) Start(t T, conf string) *Daemon {
	t.Helper()
	return Start(t, s.Service(conf, Current()))
}

// Service is the binary with a configuration.
func (s *Suite) Service(conf string, as Identity) Service {
	return Service{Binary: s.Binary, Conf: conf, As: as}
}

// Everybody runs a test with a service of every identity there is here, in
// parallel.
func (s *Suite) Everybody(t *testing.T, conf string, test func(t *testing.T, d *Daemon)) {
	t.Helper()
	t.Parallel()
	for _, as := range Identities() {
		t.Run(as.Name, func(t *testing.T) {
			t.Parallel()
			test(t, Start(t, s.Service(conf, as)))
		})
	}
}

func complain(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}

func stacks() []byte {
	text := make([]byte, 1<<20)
	return text[:runtime.Stack(text, true)]
}
