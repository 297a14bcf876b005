package supervisor

import (
	"time"

	"github.com/anyfpm/anyfpm/fcgi"
	"github.com/anyfpm/anyfpm/internal/cgi"
	"github.com/anyfpm/anyfpm/status"
)

// special answers the requests that are the supervisor's own, ping.path and
// pm.status_path, whatever its workers do. They are matched, as in php-fpm,
// against SCRIPT_NAME.
func (s *Supervisor) special(r *request) bool {
	switch path := string(r.uri()); {
	case path == "" && !r.c.statusDoor:
		return false
	case path == s.cfg.PingPath:
		r.reply(status.AppendPing(nil, s.cfg.PingResponse, r.resp.head, s.compat.poweredBy))
	case path == s.cfg.StatusPath && path != "", r.c.statusDoor && s.cfg.StatusPath == "" && path == "/":
		asking := r
		if r.c.statusDoor {
			asking = nil
		}
		page := status.Select(string(r.query()))
		body := page.AppendHeader(nil, r.resp.head, s.compat.poweredBy)
		if !r.resp.head {
			body = page.Append(body, s.status(asking), time.Now())
			if page.Own {
				s.meter.survey(s.snap.Workers)
			}
		}
		r.reply(body)
	case r.c.statusDoor:
		r.denied(cgi.Resolution{Outcome: cgi.NotFound})
	default:
		return false
	}
	return true
}

// reply gives an answer that is no refusal: header and body in one.
func (r *request) reply(text []byte) {
	r.outcome = status.Internal
	r.noteHeader(string(text))
	r.resp.began, r.resp.status = true, 200
	r.c.write(fcgi.AppendStream(r.c.output(), fcgi.TypeStdout, r.id, text))
	r.end(0, fcgi.StatusRequestComplete)
	r.gone()
}

// AddStatusDoor gives the supervisor the socket of pm.status_listen, where
// only status and ping are answered: a client of it never waits behind others
// and is not shown as an active process.
func (s *Supervisor) AddStatusDoor(fd int, address string) error {
	d, err := s.addDoor(fd, address)
	if err != nil {
		return err
	}
	d.status = true
	s.observed = true
	return nil
}
