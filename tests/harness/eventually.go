package harness

import "time"

// Patience is how long the harness waits for what should happen at once. It
// is long because machines that run tests are slow at times; a passing test
// never waits that long.
const Patience = time.Minute

// pollInterval is how often Eventually looks.
const pollInterval = 2 * time.Millisecond

// Eventually calls check until it returns nil, and fails the test with its
// last error when that has not happened within the given time. No other
// function of the tests sleeps.
func Eventually(t T, within time.Duration, check func() error) {
	t.Helper()
	if err := until(time.Now().Add(within), check); err != nil {
		t.Fatalf("not within %v: %v", within, err)
	}
}

// Throughout calls check again and again for the given time, and fails the
// test with the first error it returns.
func Throughout(t T, during time.Duration, check func() error) {
	t.Helper()
	for end := time.Now().Add(during); time.Now().Before(end); time.Sleep(pollInterval) {
		if err := check(); err != nil {
			t.Fatalf("within %v: %v", during, err)
		}
	}
}

// Promptly calls do until what it did took no longer than within, and fails the
// test when not even one of five did: a busy machine makes some things late,
// and a fault all.
func Promptly(t T, within time.Duration, do func() (took time.Duration)) {
	t.Helper()
	var took []time.Duration
	for range 5 {
		took = append(took, do())
		if took[len(took)-1] <= within {
			return
		}
	}
	t.Fatalf("took %v, never within %v", took, within)
}

func until(deadline time.Time, check func() error) error {
	for {
		err := check()
		if err == nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(pollInterval)
	}
}
