package master

import (
	"errors"

	"github.com/anyfpm/anyfpm/internal/config"
	"github.com/anyfpm/anyfpm/internal/listen"
)

// adoptGlobal puts the global directives of a new configuration into force, and
// makes files of the master again that were removed or, its log, moved away.
// What cannot be done stays as it was and is in the error; the rest is done.
func (m *Master) adoptGlobal(cfg *config.Config) error {
	old, g := m.cfg.Global, &cfg.Global
	var problems []error
	note := func(err error) {
		if err != nil {
			problems = append(problems, err)
		}
	}
	m.cfg = cfg
	if logsDiffer(&old, g) {
		note(m.replaceLog(g))
	} else {
		note(m.errors.reopen())
	}
	if old.PID != g.PID {
		removePIDFile(old.PID)
	}
	if old.PID != g.PID || pidFileGone(g.PID) {
		note(writePIDFile(g.PID))
	}
	if old.RlimitFiles != g.RlimitFiles || old.RlimitCore != g.RlimitCore {
		note(m.confine())
	}
	note(m.replaceServers(g))
	m.shares.reset()
	m.monitor.start()
	return errors.Join(problems...)
}

func logsDiffer(a, b *config.Global) bool {
	return a.ErrorLog != b.ErrorLog || a.LogLevel != b.LogLevel || a.LogLimit != b.LogLimit ||
		a.SyslogIdent != b.SyslogIdent || a.SyslogFacility != b.SyslogFacility
}

// replaceLog goes on in another log. The old generation of supervisors stays
// with the old one.
func (m *Master) replaceLog(g *config.Global) error {
	next, err := openErrorLog(g, m.opts.Daemon, m.opts.ForceStderr, m.errors.stderr)
	if err != nil {
		return err
	}
	next.launched()
	m.errors.close()
	m.errors, m.log = next, next.log
	m.table.SetLog(next.log)
	return nil
}

// replaceServers moves the control socket and the metrics to new addresses.
func (m *Master) replaceServers(g *config.Global) error {
	before := []*server{m.operator, m.metrics}
	err := m.openServers(g)
	for _, s := range before {
		if s != m.operator && s != m.metrics {
			s.retire()
		}
	}
	return err
}

// openServers opens the control socket and the metrics, those that are not
// open at their addresses yet or can not be reached there any more.
func (m *Master) openServers(g *config.Global) error {
	var problems []error
	open := func(s **server, address, kind string, build func() (handler, error)) {
		if *s != nil && (*s).address == address+kind && !(*s).socket.Gone() {
			return
		}
		if address == "" {
			*s = nil
			return
		}
		if m.suspension != nil {
			return // at the end of that
		}
		next, err := m.openServer(address, kind, build)
		if err != nil {
			problems = append(problems, err)
			return
		}
		*s = next
	}
	open(&m.operator, g.ControlListen, "", m.operatorHandler)
	open(&m.metrics, g.MetricsListen, g.MetricsPath, m.metricsHandler)
	return errors.Join(problems...)
}

// openServer opens the socket of a server, for the service's own user only.
func (m *Master) openServer(address, path string, build func() (handler, error)) (*server, error) {
	h, err := build()
	if err != nil {
		return nil, err
	}
	socket, err := m.table.Open(listen.Spec{Address: address, Backlog: -1, Mode: "0600"})
	if err != nil {
		return nil, err
	}
	return serve(socket, address+path, h)
}
