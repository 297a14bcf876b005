package master

import (
	"context"
	"os"

	"github.com/anyfpm/anyfpm/internal/logfile"
	"github.com/anyfpm/anyfpm/internal/proc"
)

// killOrphans ends what dead supervisors left behind, and then calls done on
// the loop.
func (m *Master) killOrphans(done func()) {
	log := m.log
	m.cleaning++
	m.helpers.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), orphanPatience)
		defer cancel()
		if err := m.starter.KillOrphans(ctx, m.wasBorn); err != nil {
			log.Error("orphans of a supervisor are left", "err", err)
		}
		m.loop.Post(func() {
			m.cleaning--
			done()
			m.checkSuspended()
		})
	})
}

// killLeftovers makes sure that nothing outlives the service.
func (m *Master) killLeftovers() {
	ctx, cancel := context.WithTimeout(context.Background(), orphanPatience)
	defer cancel()
	if err := m.starter.KillOrphans(ctx, m.wasBorn); err != nil {
		m.log.Error("processes are left", "err", err)
	}
}

func (m *Master) wasBorn(pid int) bool { return m.born[pid] }

// orphanEnded takes the end of a process that is no supervisor. It is called
// by the reaper.
func (m *Master) orphanEnded(exit proc.Exit) {
	m.loop.Post(func() {
		switch {
		case !m.born[exit.PID]:
			logfile.Printf(m.log, logfile.LevelDebug, "orphan %d ended %s", exit.PID, how(exit))
		case os.Getpid() == 1:
			logfile.Printf(m.log, logfile.LevelDebug, "unknown child (%d) exited %s - most likely an orphan process (master process is the init process)", exit.PID, how(exit))
		default:
			logfile.Printf(m.log, logfile.LevelWarning, "unknown child (%d) exited %s - potentially a bug or pre exec child (e.g. s6-notifyoncheck)", exit.PID, how(exit))
		}
	})
}
