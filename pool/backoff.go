package pool

import "time"

const (
	// failedAfter is the number of failed starts in a row that makes a pool
	// without workers a failed one.
	failedAfter = 3
	// trial is how long a worker that has not served a request must live to
	// prove that starts work.
	trial = time.Second
)

// A backoff counts failed starts in a row and spaces the next ones.
//
// It counts attempts, not processes: workers that were started before the last
// failure was known add nothing. And a worker that becomes ready proves little,
// since a FastCGI program is ready when it runs: starts work again when a
// worker started after the last failure has served a request, or when the trial
// passed without another failure.
type backoff struct {
	min, max time.Duration

	failures int
	failedAt time.Duration // the last failure
	retryAt  time.Duration // no start before
	proving  bool          // a worker is ready since the last failure
	provedAt time.Duration // when the trial is over, while proving
}

// failing reports whether the last start failed, as far as is known.
func (b *backoff) failing() bool { return b.failures > 0 }

// fail says that a worker started at the given time was of no use.
func (b *backoff) fail(now, started time.Duration) {
	if b.failing() && started <= b.failedAt {
		return
	}
	pause := b.max
	if n := b.failures; n < 62 && b.min <= b.max>>n {
		pause = b.min << n
	}
	b.failures++
	b.failedAt, b.retryAt = now, now+pause
	b.proving = false
}

// ready says that a worker has become ready.
func (b *backoff) ready(now time.Duration) {
	if b.failing() && !b.proving {
		b.proving, b.provedAt = true, now+trial
	}
}

// served says that a worker started at the given time has served a request.
func (b *backoff) served(started time.Duration) {
	if b.failing() && started > b.failedAt {
		b.failures, b.proving = 0, false
	}
}

// tick ends the trial in time.
func (b *backoff) tick(now time.Duration) {
	if b.proving && now >= b.provedAt {
		b.failures, b.proving = 0, false
	}
}
