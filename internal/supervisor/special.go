package supervisor

// special answers the requests that are the supervisor's own: ping.path and
// pm.status_path. They are matched, as in php-fpm, against SCRIPT_NAME.
func (s *Supervisor) special(r *request) bool {
	switch {
	case s.cfg.PingPath != "" && r.facts.uri == s.cfg.PingPath:
		a := answer{status: 200, header: pingHeader, body: s.cfg.PingResponse}
		r.answer(&a)
		return true
	}
	return false
}

const pingHeader = "Content-type: text/plain;charset=UTF-8\r\n" +
	"Expires: Thu, 01 Jan 1970 00:00:00 GMT\r\n" +
	"Cache-Control: no-cache, no-store, must-revalidate, max-age=0\r\n\r\n"

func (s *Supervisor) reportStatus(id uint64)                     {}
func (s *Supervisor) setLimit(n int)                             {}
func (s *Supervisor) reopen(name string, fd int)                 {}
func (s *Supervisor) AddStatusDoor(fd int, address string) error { return nil }
func (s *Supervisor) AddHTTPDoor(fd int, address string) error   { return nil }
