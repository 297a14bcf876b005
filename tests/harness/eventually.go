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

func until(deadline time.Time, check func() error) error {
	for {
		err := check()
		if err == nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(pollInterval)
	}
}
