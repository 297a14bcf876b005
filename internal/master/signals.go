package master

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
)

// handledSignals are those that mean something to the service.
func handledSignals() []os.Signal {
	return []os.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGHUP}
}

// errSignalled says that a signal has come which another program would not get.
var errSignalled = errors.New("a signal has come")

// A listener hears the signals of the service. Its methods belong to the loop.
type listener struct {
	master  *Master
	arrived chan os.Signal
	taken   atomic.Int64 // handed to the loop
	handled int64        // by the loop
	rest    func()       // ends the listening; what it took by then is on its way
}

// listen begins to hand signals to the loop, until ctx is done. Nothing is
// decided here.
func (l *listener) listen(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	l.rest = func() {
		cancel()
		<-ended
	}
	m := l.master
	m.helpers.Go(func() {
		defer close(ended)
		for {
			select {
			case sig := <-l.arrived:
				l.taken.Add(1)
				m.loop.Post(func() {
					l.handled++
					m.onSignal(sig)
				})
			case <-ctx.Done():
				return
			}
		}
	})
}

// none is nil if all signals that have come are handled. The listener rests and
// the loop waits.
func (l *listener) none() error {
	// When Stop returns, what the runtime has taken is in every channel.
	fence := newSignals()
	signal.Notify(fence, handledSignals()...)
	signal.Stop(fence)
	if len(l.arrived) > 0 || l.taken.Load() != l.handled {
		return errSignalled
	}
	return nil
}

// newSignals returns a channel for signals. It has room for a storm; signals of
// one kind that find none are as good as one.
func newSignals() chan os.Signal { return make(chan os.Signal, 64) }

// notifySignals registers for the signals of the service.
func notifySignals(signals chan os.Signal) (stop func()) {
	signal.Notify(signals, handledSignals()...)
	// A reader of the log that goes away must not end the service.
	signal.Ignore(syscall.SIGPIPE)
	return func() { signal.Stop(signals) }
}

// notifyDeadly registers for the signals that would end a program that takes
// over before it has a loop: Go lets nobody keep them off it. The others wait,
// also for the program before, if that comes back.
func notifyDeadly(signals chan os.Signal) {
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT)
}

func (m *Master) onSignal(sig os.Signal) {
	switch sig {
	case syscall.SIGTERM, syscall.SIGINT:
		m.terminate()
	case syscall.SIGQUIT:
		m.finish()
	case syscall.SIGUSR1:
		m.reopenLogs(func(error) {}) // each fault is logged
	case syscall.SIGUSR2, syscall.SIGHUP:
		m.requestReload("", waiter{})
	}
}
