package status

import (
	"strconv"
	"time"
)

// A family is one metric of the openmetrics page.
type family struct {
	name, typ, help string
	value           int64
	typeFirst       bool // php-fpm prints TYPE before HELP
}

func (p Page) appendOpenMetrics(dst []byte, s *Snapshot, now time.Time) []byte {
	families := []family{
		{name: "up", typ: "gauge", help: "Could pool " + s.Pool + " using a " + s.ProcessManager + " PM on PHP-FPM be reached?", value: 1},
		{name: "start_since", typ: "counter", help: "The number of seconds since FPM has started.", value: since(now, s.StartTime)},
		{name: "accepted_connections", typ: "counter", help: "The number of requests accepted by the pool.", value: int64(s.AcceptedConn)},
		{name: "listen_queue", typ: "gauge", help: "The number of requests in the queue of pending connections.", value: int64(s.ListenQueue)},
		{name: "max_listen_queue", typ: "counter", help: "The maximum number of requests in the queue of pending connections since FPM has started.", value: int64(s.MaxListenQueue)},
		{name: "listen_queue_length", typ: "gauge", help: "The size of the socket queue of pending connections.", value: int64(s.ListenQueueLen), typeFirst: true},
		{name: "idle_processes", typ: "gauge", help: "The number of idle processes.", value: int64(s.IdleProcesses)},
		{name: "active_processes", typ: "gauge", help: "The number of active processes.", value: int64(s.ActiveProcesses)},
		{name: "total_processes", typ: "gauge", help: "The number of idle + active processes.", value: int64(s.TotalProcesses)},
		{name: "max_active_processes", typ: "counter", help: "The maximum number of active processes since FPM has started.", value: int64(s.MaxActiveProcesses)},
		{name: "max_children_reached", typ: "counter", help: "The number of times, the process limit has been reached, when pm tries to start more children (works only for pm 'dynamic' and 'ondemand').", value: int64(s.MaxChildrenReached)},
		{name: "slow_requests", typ: "counter", help: "The number of requests that exceeded your 'request_slowlog_timeout' value.", value: int64(s.SlowRequests)},
	}
	if p.Own {
		families = append(families, family{name: "memory_peak", typ: "gauge", help: "The memory usage peak since FPM has started.", value: int64(s.MemoryPeak)})
	}
	for i := range families {
		dst = families[i].append(dst)
	}
	return append(dst, "# EOF\n"...)
}

func (f *family) append(dst []byte) []byte {
	if f.typeFirst {
		dst = f.appendType(dst)
	}
	dst = append(dst, "# HELP phpfpm_"...)
	dst = append(dst, f.name...)
	dst = append(dst, ' ')
	dst = appendHelp(dst, f.help)
	dst = append(dst, '\n')
	if !f.typeFirst {
		dst = f.appendType(dst)
	}
	dst = append(dst, "phpfpm_"...)
	dst = append(dst, f.name...)
	dst = append(dst, ' ')
	dst = strconv.AppendInt(dst, f.value, 10)
	return append(dst, '\n')
}

func (f *family) appendType(dst []byte) []byte {
	dst = append(dst, "# TYPE phpfpm_"...)
	dst = append(dst, f.name...)
	dst = append(dst, ' ')
	dst = append(dst, f.typ...)
	return append(dst, '\n')
}

// appendHelp escapes what a pool's name can bring into a HELP line.
func appendHelp(dst []byte, s string) []byte {
	for _, r := range s {
		switch r {
		case '\\':
			dst = append(dst, `\\`...)
		case '"':
			dst = append(dst, `\"`...)
		default:
			dst = appendPlain(dst, string(r))
		}
	}
	return dst
}
