package master

import (
	"fmt"
	"os"
	"runtime/debug"

	"github.com/anyfpm/anyfpm/internal/control"
	"github.com/anyfpm/anyfpm/internal/logfile"
)

// setTitle makes ps show the service; in php-fpm's place as scripts look for it.
func (m *Master) setTitle() {
	name := "anyfpm"
	if m.opts.PHP {
		name = "php-fpm"
	}
	m.opts.SetTitle(fmt.Sprintf("%s: master process (%s)", name, m.cfg.Path))
}

func (m *Master) announceRunning() {
	logfile.Printf(m.log, logfile.LevelNotice, "fpm is running, pid %d", os.Getpid())
}

func (m *Master) announceReady() {
	if m.phase != phaseRunning {
		return
	}
	debug.FreeOSMemory() // what it took to read the configuration is of no more use
	logfile.Printf(m.log, logfile.LevelNotice, "ready to handle connections")
	m.announced = true
	m.tellAnnounced()
	m.notify.ready()
	m.monitor.start()
	m.monitor.announce()
}

// tellAnnounced tells the supervisors that are ready that the log says so.
func (m *Master) tellAnnounced() {
	for _, p := range m.pools {
		if s := p.current; s != nil && s.state == supervisorReady && !s.announced {
			s.announced = true
			s.tell(&control.Announced{})
		}
	}
}
