package pool

import (
	"errors"
	"testing"
	"time"
)

// TestAccessors follows a request through a worker by what callers can see.
func TestAccessors(t *testing.T) {
	p, err := New(Config{Manager: Ondemand, MaxChildren: 1})
	if err != nil {
		t.Fatal(err)
	}
	if !p.Empty() || p.Done() {
		t.Errorf("a new pool: empty %v, done %v", p.Empty(), p.Done())
	}
	r := &Request{Retryable: true}
	w := p.Arrive(1*time.Second, r)[0].Worker
	if p.Empty() || r.Worker() != nil || r.Arrived() != time.Second || r.Leased() != 0 || r.Attempts() != 0 {
		t.Errorf("waiting: empty %v, %+v", p.Empty(), r)
	}
	p.Ready(2*time.Second, w)
	if r.Worker() != w || r.Leased() != 2*time.Second || r.Attempts() != 1 || r.State() != RequestRunning {
		t.Errorf("leased: %+v", r)
	}
	if w.Started() != time.Second || w.Since() != 2*time.Second || w.Requests() != 1 || w.Leases() != 1 || w.StopReason() != 0 {
		t.Errorf("worker: %+v", w)
	}
	p.Cancel(3*time.Second, r)
	p.Abort(3*time.Second, r, ClientAbort)
	if !r.Aborted() || w.StopReason() != ClientAbort || w.State() != StateStopping {
		t.Errorf("aborted %v, the worker stops for %v", r.Aborted(), w.StopReason())
	}
	p.Exited(4*time.Second, w)
	if r.Worker() != nil || r.State() != RequestEnded || w.State() != StateDead {
		t.Errorf("after the exit: request %v on %v, worker %v", r.State(), r.Worker(), w.State())
	}
	p.Arrive(5*time.Second, r)
	if r.Aborted() || r.Attempts() != 0 || r.Leased() != 0 || r.Arrived() != 5*time.Second {
		t.Errorf("arrived again: %+v", r)
	}
}

// TestClockGoesBack holds that an earlier time than the last is the last.
func TestClockGoesBack(t *testing.T) {
	p := serving(t, Config{Manager: Static, MaxChildren: 1}, 1)
	p.Tick(time.Minute)
	var r Request
	p.Arrive(time.Second, &r)
	if r.Arrived() != time.Minute || r.Leased() != time.Minute {
		t.Errorf("arrived at %v, leased at %v", r.Arrived(), r.Leased())
	}
}

// TestStateError holds what a caller can find out about an internal error.
func TestStateError(t *testing.T) {
	var got *StateError
	p, err := New(Config{Manager: Static, MaxChildren: 1, Fault: func(err error) {
		if !errors.As(err, &got) {
			t.Errorf("an internal error is %T", err)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	p.Free(0, &Request{})
	if want := (StateError{Subject: "request", State: "new", Event: "free"}); got == nil || *got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestSlotOwner holds that a slot keeps its worker and the worker its owner.
func TestSlotOwner(t *testing.T) {
	p := serving(t, Config{Manager: Static, MaxChildren: 2, Slots: true}, 0)
	var r Request
	w := p.Arrive(0, &r)[0].Worker
	w.Owner = "mine"
	p.Free(0, &r)
	if again := p.Arrive(0, &r)[0].Worker; again != w || again.Owner != "mine" || again.Requests() != 1 {
		t.Errorf("slot %d has another worker, of %v, with %d requests", again.Slot, again.Owner, again.Requests())
	}
}
