package supervisor

import (
	"context"
	"sync"
	"time"

	"github.com/anyfpm/anyfpm/internal/config"
	"github.com/anyfpm/anyfpm/internal/loop"
	"github.com/anyfpm/anyfpm/internal/proc"
)

// Processes that scripts left behind end unheard where the loop reaps. They are
// looked for after such a pause, which doubles while nothing happens.
const (
	shortestSweep = time.Second
	longestSweep  = time.Minute
)

// reap has reaper report what ends, by a goroutine of its own or, in a pool
// that starts a process for each request, by the loop: a signal, two goroutines
// and a wake-up less for each.
func (s *session) reap(ctx context.Context, helpers *sync.WaitGroup, reaper *proc.Reaper) {
	stop, onLoop := func() {}, false
	if s.start.Pool.Runner == config.RunnerCGI {
		if end, err := reapOnLoop(s.loop, reaper); err == nil { // an old kernel knows no pidfd
			stop, onLoop = end, true
		}
	}
	s.reapAside = sync.OnceFunc(func() {
		stop()
		helpers.Go(func() { _ = reaper.Run(ctx) })
	})
	if !onLoop {
		s.reapAside()
	}
}

// sweeping is the reaping on the loop.
type sweeping struct {
	loop   *loop.Loop
	reaper *proc.Reaper
	timer  *loop.Timer
	pause  time.Duration // to the next sweep
}

func reapOnLoop(l *loop.Loop, reaper *proc.Reaper) (stop func(), err error) {
	g := &sweeping{loop: l, reaper: reaper}
	g.timer = loop.NewTimer(g.sweep)
	l.OnExit(g.ended)
	return reaper.Watch(l.WatchExit)
}

// ended is called when a process has ended that was started.
func (g *sweeping) ended() {
	g.pause = shortestSweep
	g.look()
}

func (g *sweeping) sweep() {
	g.pause = min(2*g.pause, longestSweep)
	g.look()
}

func (g *sweeping) look() {
	if g.reaper.Reap() {
		g.loop.Set(g.timer, g.loop.Now()+g.pause)
	}
}
