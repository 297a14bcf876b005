package master

import (
	"syscall"
	"time"

	"github.com/anyfpm/anyfpm/internal/logfile"
)

// crashed counts a worker that died on a signal of its own, and reloads the
// service when emergency_restart_threshold of them died within
// emergency_restart_interval.
func (m *Master) crashed(sig syscall.Signal) {
	g := &m.cfg.Global
	if g.EmergencyRestartThreshold <= 0 || g.EmergencyRestartInterval <= 0 || sig != syscall.SIGSEGV && sig != syscall.SIGBUS {
		return
	}
	now := m.loop.Now()
	m.crashes = append(m.crashes, now)
	if more := len(m.crashes) - g.EmergencyRestartThreshold; more > 0 {
		m.crashes = m.crashes[more:]
	}
	if len(m.crashes) == g.EmergencyRestartThreshold && now-m.crashes[0] <= g.EmergencyRestartInterval && m.phase == phaseRunning {
		m.crashes = nil
		logfile.Printf(m.log, logfile.LevelWarning, "failed processes threshold (%d in %d sec) is reached, initiating reload",
			g.EmergencyRestartThreshold, g.EmergencyRestartInterval/time.Second)
		m.reloadOnce("", waiter{})
	}
}
