package master

import (
	"time"

	"github.com/anyfpm/anyfpm/internal/logfile"
)

// A phase is how far the service is on its way to the end. It only rises, so
// that a signal never takes back a stronger one (fpm_process_ctl.c).
type phase int

const (
	phaseRunning     phase = iota
	phaseDelaying          // told to end, accepting for drain_delay
	phaseFinishing         // what is queued and running ends by itself
	phaseTerminating       // everything is made to end
)

// String returns php-fpm's word for the phase.
func (p phase) String() string {
	switch p {
	case phaseRunning:
		return "normal"
	case phaseDelaying, phaseFinishing:
		return "finishing"
	case phaseTerminating:
		return "terminating"
	default:
		return "unknown"
	}
}

// finish ends the service gracefully: requests that have arrived are served.
func (m *Master) finish() {
	if m.refuse(phaseFinishing) {
		return
	}
	logfile.Printf(m.log, logfile.LevelNotice, "Finishing ...")
	m.delay(m.finishNow)
}

// terminate ends the service at once, the second time also during drain_delay.
func (m *Master) terminate() {
	if m.refuse(phaseTerminating) {
		return
	}
	logfile.Printf(m.log, logfile.LevelNotice, "Terminating ...")
	if m.phase != phaseRunning {
		m.terminateNow()
		return
	}
	m.delay(m.terminateNow)
}

// refuse tells, and logs, that the service is as far as next or further.
func (m *Master) refuse(next phase) bool {
	if m.phase < next && (m.phase != phaseDelaying || next != phaseFinishing) {
		return false
	}
	logfile.Printf(m.log, logfile.LevelDebug, "not switching to '%s' state, because already in '%s' state", next, m.phase)
	return true
}

// delay gives load balancers drain_delay to notice before the end begins.
func (m *Master) delay(then func()) {
	m.notify.stopping()
	if m.cfg.Global.DrainDelay <= 0 {
		then()
		return
	}
	m.phase = phaseDelaying
	m.after(m.cfg.Global.DrainDelay, then)
}

func (m *Master) finishNow() {
	if m.phase >= phaseFinishing {
		return // something stronger came during the delay
	}
	m.phase = phaseFinishing
	m.abandonReload()
	for _, p := range m.allPools() {
		p.finish(m.patience())
	}
	m.closeUnused() // who connects now is to go elsewhere
	m.checkEnd()
}

func (m *Master) terminateNow() {
	if m.phase >= phaseTerminating {
		return
	}
	m.phase = phaseTerminating
	m.abandonReload()
	for _, p := range m.allPools() {
		p.terminate()
	}
	m.closeUnused()
	m.checkEnd()
}

// checkEnd ends the loop once the last pool is gone.
func (m *Master) checkEnd() {
	if m.phase >= phaseFinishing && len(m.pools)+len(m.closing) == 0 {
		m.loop.Stop()
	}
}

// patience is how long a generation may take to drain; negative is for ever.
func (m *Master) patience() time.Duration { return m.cfg.Global.ProcessControlTimeout }
