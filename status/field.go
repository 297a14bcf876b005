package status

import (
	"strconv"
	"time"
)

// php-fpm keeps this much of each string, in bytes. A page shows no more, so
// there need be no more in a [Process].
const (
	MaxMethod = 15
	MaxURI    = 127
	MaxQuery  = 511
	MaxUser   = 31
	MaxScript = 255

	maxPool = 31
)

// MaxRequestID is how much there need be of a request's id, which only pages of
// our own show.
const MaxRequestID = 127

// A kind says how a field is written.
type kind uint8

const (
	word    kind = iota // text from the configuration
	client              // text from a request: php-fpm's JSON escapes more of it
	uri                 // a request's URI, likewise
	number              // an integer or a decimal fraction
	instant             // a time: a date for people, seconds for programs
)

// A field is one entry of a status page.
type field struct {
	name string // as in text; XML and others derive theirs
	kind kind
	text string // of a word, a uri or a number
	time time.Time
}

func wordField(name, text string) field        { return field{name: name, kind: word, text: text} }
func clientField(name, text string) field      { return field{name: name, kind: client, text: orDash(text)} }
func timeField(name string, t time.Time) field { return field{name: name, kind: instant, time: t} }
func intField[N integer](name string, n N) field {
	return numberField(name, strconv.FormatInt(int64(n), 10))
}
func floatField(name string, f float64) field {
	return numberField(name, strconv.FormatFloat(f, 'f', 2, 64))
}
func numberField(name, digits string) field { return field{name: name, kind: number, text: digits} }
func secondsField(n string, d time.Duration) field {
	return numberField(n, strconv.FormatFloat(d.Seconds(), 'f', 6, 64))
}

type integer interface{ ~int | ~int64 | ~uint64 }

// poolFields are the entries about the pool.
func poolFields(s *Snapshot, now time.Time) []field {
	return []field{
		wordField("pool", cut(s.Pool, maxPool)),
		wordField("process manager", s.ProcessManager),
		timeField("start time", s.StartTime.In(now.Location())),
		intField("start since", since(now, s.StartTime)),
		intField("accepted conn", s.AcceptedConn),
		intField("listen queue", s.ListenQueue),
		intField("max listen queue", s.MaxListenQueue),
		intField("listen queue len", s.ListenQueueLen),
		intField("idle processes", s.IdleProcesses),
		intField("active processes", s.ActiveProcesses),
		intField("total processes", s.TotalProcesses),
		intField("max active processes", s.MaxActiveProcesses),
		intField("max children reached", s.MaxChildrenReached),
		intField("slow requests", s.SlowRequests),
	}
}

// processFields are the entries about a worker.
func processFields(p *Process, now time.Time) []field {
	cpu, memory := p.LastRequestCPU, p.LastRequestMemory
	if p.State != Idle {
		cpu, memory = 0, 0 // the current request's are not known yet
	}
	requestURI := orDash(cut(p.RequestURI, MaxURI))
	if p.QueryString != "" {
		requestURI += "?" + cut(p.QueryString, MaxQuery)
	}
	return []field{
		intField("pid", p.PID),
		wordField("state", string(p.State)),
		timeField("start time", p.StartTime.In(now.Location())),
		intField("start since", since(now, p.StartTime)),
		intField("requests", p.Requests),
		intField("request duration", p.RequestDuration.Microseconds()),
		clientField("request method", cut(p.RequestMethod, MaxMethod)),
		{name: "request uri", kind: uri, text: requestURI},
		intField("content length", p.ContentLength),
		clientField("user", cut(p.User, MaxUser)),
		clientField("script", cut(p.Script, MaxScript)),
		floatField("last request cpu", cpu),
		intField("last request memory", memory),
	}
}

// ownPoolFields are ours about the pool. No name is one of php-fpm's.
func ownPoolFields(s *Snapshot) []field {
	fields := []field{
		intField("memory peak", s.MemoryPeak),
		wordField("runner", s.Runner),
		intField("generation", s.Generation),
		wordField("failure", s.FailureReason),
		intField("max children", s.Limits.MaxChildren),
		intField("starting processes", s.StartingProcesses),
		intField("stopping processes", s.StoppingProcesses),
		intField("connections", s.Connections),
		intField("queue", s.Queue),
		intField("queue limit", s.Limits.Queue),
		secondsField("queue oldest", s.QueueOldest),
		secondsField("queue time p50", s.QueueTime.Quantile(0.5)),
		secondsField("queue time p99", s.QueueTime.Quantile(0.99)),
		secondsField("request time p50", s.RequestTime.Quantile(0.5)),
		secondsField("request time p99", s.RequestTime.Quantile(0.99)),
		intField("retries", s.Retries),
		intField("spawns", s.Spawns),
		intField("oom kills", s.OOMKills),
		intField("pss", s.PSS),
		intField("log lines lost", s.lostLines()),
	}
	for o, n := range s.Outcomes {
		fields = append(fields, intField("outcome "+outcomeNames[o], n))
	}
	return fields
}

// lostLines is the sum for all logs.
func (s *Snapshot) lostLines() (n uint64) {
	for _, lost := range s.LogDrops {
		n += lost
	}
	return n
}

// ownProcessFields are ours about a worker.
func ownProcessFields(p *Process) []field {
	return []field{
		intField("slot", p.Slot),
		clientField("request id", cut(p.RequestID, MaxRequestID)),
		secondsField("queue time", p.QueueTime),
		intField("pss", p.PSS),
	}
}

// fields are all entries about the pool that the page shows.
func (p Page) fields(s *Snapshot, now time.Time) []field {
	fields := poolFields(s, now)
	if p.Own {
		fields = append(fields, ownPoolFields(s)...)
	}
	return fields
}

// processFields are all entries about a worker that the page shows.
func (p Page) processFields(process *Process, now time.Time) []field {
	fields := processFields(process, now)
	if p.Own {
		fields = append(fields, ownProcessFields(process)...)
	}
	return fields
}

// since is the age of start in whole seconds, as php-fpm counts them.
func since(now, start time.Time) int64 { return now.Unix() - start.Unix() }

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// cut returns at most n bytes of s.
func cut(s string, n int) string { return s[:min(n, len(s))] }
