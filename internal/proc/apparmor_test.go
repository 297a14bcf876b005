package proc

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestChangeHat(t *testing.T) {
	file := filepath.Join(t.TempDir(), "current")
	for _, test := range []struct{ current, want, err string }{
		{"/usr/sbin/anyfpm (enforce)\n", "changeprofile /usr/sbin/anyfpm//hat", ""},
		{"unconfined\n", "changeprofile unconfined//hat", ""},
	} {
		if err := os.WriteFile(file, []byte(test.current), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := changeHat(file, "hat"); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(got), test.want) { // a real one is not overwritten
			t.Errorf("%q: wrote %q, want %q", test.current, got, test.want)
		}
	}
	err := changeHat(filepath.Join(t.TempDir(), "none"), "hat")
	if err == nil || !strings.HasPrefix(err.Error(), "failed to query apparmor confinement. Please check if ") {
		t.Errorf("without AppArmor: %v", err)
	}
}

// A function runs and its error comes back, also when it is too late.
func TestStarterConfine(t *testing.T) {
	starter := NewStarter(NewReaper(nil))
	done := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer close(done)
		_ = starter.Run(ctx)
	}()
	ran := false
	if err := starter.Confine(func() error { ran = true; return os.ErrInvalid }); !errors.Is(err, os.ErrInvalid) || !ran {
		t.Errorf("got %v, ran %v", err, ran)
	}
	cancel()
	<-done
	if err := starter.Confine(func() error { return nil }); !errors.Is(err, ErrStopped) {
		t.Errorf("after its end: %v", err)
	}
}
