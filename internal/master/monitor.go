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
	interval time.Duration
	accepted uint64 // at the last report
}

// start begins to report, or goes on at another interval.
func (n *monitor) start() {
	m := n.master
	interval := m.cfg.Global.SystemdInterval
	if !m.notify.enabled() || n.timer != nil && n.interval == interval {
		return
	}
	if n.timer == nil {
		n.timer = loop.NewTimer(n.report)
	}
	n.interval = interval
	m.loop.Clear(n.timer)
	if interval > 0 {
		n.feed() // the program that this one replaces may have done so an interval ago
		n.again()
	}
}

// announce writes php-fpm's line about the interval, which follows each "ready
// to handle connections". php-fpm has it without systemd as well, and so has a
// service in its place.
func (n *monitor) announce() {
	m := n.master
	switch interval := m.cfg.Global.SystemdInterval; {
	case !m.notify.enabled() && !m.opts.PHP:
	case interval <= 0:
		logfile.Printf(m.log, logfile.LevelNotice, "systemd monitor disabled")
	default:
		logfile.Printf(m.log, logfile.LevelNotice, "systemd monitor interval set to %dms", interval.Milliseconds())
	}
}

func (n *monitor) again() {
	l := n.master.loop
	l.Set(n.timer, l.Now()+n.interval)
}

// feed tells systemd's watchdog that the service lives.
func (n *monitor) feed() {
	if n.master.cfg.Global.SystemdWatchdog {
		n.master.notify.send("WATCHDOG=1")
	}
}

func (n *monitor) report() {
	n.again()
	if n.master.phase != phaseRunning || n.master.reload != nil {
		n.feed() // READY and STATUS are not for now
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
