// Package accesslog writes the lines of an access log: php-fpm's
// access.format, with its tokens, modifiers and messages, and one JSON object
// per line for access.format = json.
//
// A Format is compiled once and then appends lines to a buffer without
// allocating. What comes from a client is escaped, so that no request can
// forge a line, a field or a terminal's escape sequence.
package accesslog

import "time"

// A Record is what is known of a request when it has ended.
type Record struct {
	Pool      string
	MasterPID int
	WorkerPID int // 0 when no worker had the request
	Slot      int // the worker's place in the pool; of no meaning without one

	Remote        string // the peer's address, v4-mapped ones as v4; empty for a unix socket
	User          string // of Basic or Digest authentication, not REMOTE_USER
	Method        string
	URI           string // SCRIPT_NAME, without the query
	Query         string
	Script        string
	ContentLength uint64 // of the request

	// Params and Header answer %{NAME}e and %{Name}o. They may be nil.
	Params Params
	Header Header

	Status  int
	Bytes   uint64 // of the response's body
	Start   time.Time
	End     time.Time     // both are written in their own location
	Queue   time.Duration // of it, waiting for a worker
	Took    time.Duration // from start to end, by a clock that never jumps
	UserCPU time.Duration
	SysCPU  time.Duration
	Memory  uint64 // peak, in bytes

	Outcome   string
	RequestID string

	// Stamps is what has been written of times; one for all records of a log
	// saves most of that work. It may be nil.
	Stamps *Stamps
}

// Stamps remembers the text of the last time it wrote, which is the next one's
// as a rule: they are whole seconds.
type Stamps struct {
	second int64
	text   []byte
}

// appendStamp appends php-fpm's default form of a time.
func (r *Record) appendStamp(dst []byte, t time.Time) []byte {
	s := r.Stamps
	if s == nil {
		return t.AppendFormat(dst, timeLayout)
	}
	if second := t.Unix(); second != s.second || len(s.text) == 0 {
		s.second, s.text = second, t.AppendFormat(s.text[:0], timeLayout)
	}
	return append(dst, s.text...)
}

// Params are a request's parameters; nil is a parameter that is not there.
type Params interface {
	Get(name string) []byte
}

// Header is a response's header. Names are compared with their case.
type Header interface {
	Lookup(name string) []byte
}

// Suppressed tells whether access.suppress_path keeps a request out of the
// log: a GET or HEAD without query and body, answered with 2xx, for one of
// these paths.
func (r *Record) Suppressed(paths []string) bool {
	if r.Query != "" || r.ContentLength != 0 || r.Status < 200 || r.Status > 299 || r.Method != "GET" && r.Method != "HEAD" {
		return false
	}
	for _, path := range paths {
		if r.URI == path {
			return true
		}
	}
	return false
}
