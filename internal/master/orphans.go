package master

import (
	"context"
	"errors"
	"maps"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/anyfpm/anyfpm/internal/config"
	"github.com/anyfpm/anyfpm/internal/logfile"
	"github.com/anyfpm/anyfpm/internal/proc"
)

// How often keepJobs looks, and when again, while another supervisor is ending:
// no longer than what that leaves may take to be killed.
const (
	jobPause = 20 * time.Millisecond
	jobLooks = int(orphanPatience/jobPause) + 1
)

// jobs are what PHP scripts left running in the background. php-fpm does not
// touch them, so they outlive their pool and the service. They are known by
// having become orphans with the supervisor of a PHP pool.
type jobs struct {
	mu   sync.Mutex
	pids map[int]bool
}

func (j *jobs) add(pids ...int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.pids == nil {
		j.pids = map[int]bool{}
	}
	for _, pid := range pids {
		j.pids[pid] = true
	}
}

func (j *jobs) has(pid int) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.pids[pid]
}

func (j *jobs) remove(pid int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.pids, pid)
}

func (j *jobs) list() []int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Sorted(maps.Keys(j.pids))
}

// keepJobs takes the orphans there are for those of a PHP pool, whose
// supervisor has just ended, and then calls done on the loop.
//
// While a supervisor of another pool is ending, too, nobody can tell whose they
// are: this waits until it has been cleaned up after. Jobs may be ended with
// what that has left, but nothing that it has left is taken for a job.
func (m *Master) keepJobs(done func()) { m.lookForJobs(m.cleanUp(done), jobLooks) }

// lookForJobs calls done when the jobs are known, or after so many looks.
func (m *Master) lookForJobs(done func(), looks int) {
	others := m.otherThanPHP()
	m.helpers.Go(func() {
		pids, err := m.starter.Orphans()
		doubtful := slices.ContainsFunc(others, hasEnded)
		m.loop.Post(func() {
			if doubtful && looks > 1 {
				m.after(jobPause, func() { m.lookForJobs(done, looks-1) })
				return
			}
			if doubtful {
				err = errors.Join(err, errors.New("the supervisor of another pool does not end"))
			}
			if err != nil {
				m.log.Error("background jobs of PHP scripts may be ended", "err", err)
			} else {
				m.jobs.add(slices.DeleteFunc(pids, m.wasBorn)...)
			}
			done()
		})
	})
}

// otherThanPHP returns the processes of supervisors whose orphans are no jobs,
// until their end is dealt with.
func (m *Master) otherThanPHP() (pids []int) {
	for _, p := range m.allPools() {
		for _, s := range p.supervisors() {
			if s.cfg.Runner != config.RunnerPHP && s.pid > 0 {
				pids = append(pids, s.pid)
			}
		}
	}
	return pids
}

// hasEnded says whether a process has ended, reaped or not.
func hasEnded(pid int) bool {
	return proc.Ending(pid) || errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
}

// killOrphans ends what dead supervisors left behind, and then calls done on
// the loop.
func (m *Master) killOrphans(done func()) {
	log, done := m.log, m.cleanUp(done)
	m.helpers.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), orphanPatience)
		defer cancel()
		if err := m.starter.KillOrphans(ctx, m.spares); err != nil {
			log.Error("orphans of a supervisor are left", "err", err)
		}
		m.loop.Post(done)
	})
}

// cleanUp holds up an exec of another program until cleaned is called, on the
// loop, which then calls done.
func (m *Master) cleanUp(done func()) (cleaned func()) {
	m.cleaning++
	return func() {
		m.cleaning--
		done()
		m.checkSuspended()
	}
}

// killLeftovers makes sure that nothing outlives the service but jobs.
func (m *Master) killLeftovers() {
	ctx, cancel := context.WithTimeout(context.Background(), orphanPatience)
	defer cancel()
	if err := m.starter.KillOrphans(ctx, m.spares); err != nil {
		m.log.Error("processes are left", "err", err)
	}
}

func (m *Master) wasBorn(pid int) bool { return m.born[pid] }

func (m *Master) spares(pid int) bool { return m.wasBorn(pid) || m.jobs.has(pid) }

// orphanEnded takes the end of a process that is no supervisor. It is called
// by the reaper.
func (m *Master) orphanEnded(exit proc.Exit) {
	m.jobs.remove(exit.PID)
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
