package pool

import "time"

// busyRate is the spawning rate from which php-fpm says that a pool seems busy.
const busyRate = 8

// A spawnRate bounds how many spare workers are started within a second, and
// follows the spawning rate that php-fpm would have: it starts at 1, doubles in
// each further second that lacks spare workers, and falls back to 1 when a
// second did not. The seconds begin with the first start after a pause.
type spawnRate struct {
	max   int
	began bool
	start time.Duration // of the present second
	spent int           // starts in the present second
	rate  int
}

// grant returns how many of n spare workers may be started now. busy is set
// when this begins a second in which php-fpm would say that the pool seems busy.
func (s *spawnRate) grant(now time.Duration, n int) (granted int, busy bool) {
	age := now - s.start
	switch {
	case !s.began || age >= 2*time.Second:
		s.began, s.start, s.spent, s.rate = true, now, 0, 1
	case age >= time.Second:
		s.start, s.spent, s.rate = now, 0, min(2*s.rate, s.max)
		busy = s.rate >= busyRate
	}
	granted = min(n, s.max-s.spent)
	s.spent += granted
	return granted, busy
}

// next returns when a further start is granted.
func (s *spawnRate) next() time.Duration { return s.start + time.Second }
