package master

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// handledSignals are those that mean something to the service.
func handledSignals() []os.Signal {
	return []os.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGHUP}
}

// takeSignals hands signals to the loop until ctx is done. Nothing is decided
// here.
func (m *Master) takeSignals(ctx context.Context, signals <-chan os.Signal) {
	for {
		select {
		case sig := <-signals:
			m.loop.Post(func() { m.onSignal(sig) })
		case <-ctx.Done():
			return
		}
	}
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
		m.reopenLogs()
	case syscall.SIGUSR2, syscall.SIGHUP:
		m.requestReload("", waiter{})
	}
}
