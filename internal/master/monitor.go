package master

import (
	"fmt"
	"time"

	"github.com/anyfpm/anyfpm/internal/logfile"
	"github.com/anyfpm/anyfpm/internal/loop"
	"github.com/anyfpm/anyfpm/status"
)

// A monitor tells systemd every systemd_interval that the service lives and
// what it does. Without systemd there is none, and no wake-up.
type monitor struct {
	master   *Master
	timer    *loop.Timer
	interval time.Duration // as said in the log
	said     bool
	accepted uint64 // at the last report
}

// start begins to report, or goes on at another interval. php-fpm says what the
// interval is also where it has nobody to report to; so do we in its place.
func (n *monitor) start() {
	m := n.master
	interval := m.cfg.Global.SystemdInterval
	if !m.notify.enabled() && !m.opts.PHP || n.said && n.interval == interval {
		return
	}
	n.said, n.interval = true, interval
	if n.timer != nil {
		m.loop.Clear(n.timer)
	}
	if interval <= 0 {
		logfile.Printf(m.log, logfile.LevelNotice, "systemd monitor disabled")
		return
	}
	logfile.Printf(m.log, logfile.LevelNotice, "systemd monitor interval set to %dms", interval.Milliseconds())
	if !m.notify.enabled() {
		return
	}
	if n.timer == nil {
		n.timer = loop.NewTimer(n.report)
	}
	n.again()
}

func (n *monitor) again() {
	l := n.master.loop
	l.Set(n.timer, l.Now()+n.interval)
}

func (n *monitor) report() {
	n.again()
	if n.master.phase != phaseRunning || n.master.reload != nil {
		return
	}
	n.master.snapshots.ask(func(s status.Service) { n.master.notify.send(n.text(s)) })
}

// text is php-fpm's report (fpm_systemd.c).
func (n *monitor) text(s status.Service) string {
	var active, idle int
	var accepted, slow uint64
	for _, p := range s.Pools {
		active += p.ActiveProcesses
		idle += p.IdleProcesses
		accepted += p.AcceptedConn
		slow += p.SlowRequests
	}
	traffic := 0.0
	if accepted > n.accepted { // less after a reload
		traffic = float64(accepted-n.accepted) / n.interval.Seconds()
	}
	n.accepted = accepted
	watchdog := ""
	if n.master.cfg.Global.SystemdWatchdog {
		watchdog = "WATCHDOG=1\n"
	}
	return fmt.Sprintf("READY=1\n%sSTATUS=Processes active: %d, idle: %d, Requests: %d, slow: %d, Traffic: %.2freq/sec",
		watchdog, active, idle, accepted, slow, traffic)
}
