package supervisor

import (
	"log/slog"

	"github.com/anyfpm/anyfpm/internal/phpmem"
)

// phpMemory is a php-cgi's memory, if it can be read.
type phpMemory struct {
	process *phpmem.Process
	given   bool // up
}

func (m *phpMemory) close() {
	if m.process != nil {
		m.process.Close()
	}
	*m = phpMemory{given: true}
}

// endStatus is the status for the access log, the one that was sent. In its
// place we log, as php-fpm does, the one that PHP ended with, which is another
// if a script set it too late. It costs some microseconds to read: the worker
// runs on another processor. It has not got another request yet.
func (r *request) endStatus() int {
	w := r.worker
	if w == nil || !r.s.compat.php || !r.s.compat.standIn || !r.resp.began || w.memory.given {
		return r.resp.status
	}
	code, err := w.endStatus()
	if err != nil {
		r.log().Debug("cannot tell the status that php ended with", slog.Int("pid", w.pid), slog.Any("err", err))
		w.memory.close()
		return r.resp.status
	}
	return code
}

func (w *worker) endStatus() (int, error) {
	if w.memory.process == nil {
		var err error
		if w.memory.process, err = phpmem.Open(w.pid); err != nil {
			return 0, err
		}
	}
	return w.memory.process.ResponseCode()
}
