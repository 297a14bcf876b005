package pool

import (
	"flag"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
)

// TestTranscripts plays the files of testdata/transcripts. A paragraph there is
// a command and, below the line, all that the pool made of it. Workers are
// called w1, w2, … in the order of their start (slots by their number: s0, s1),
// requests as the file names them. `go test -run Transcripts -rewrite` writes
// what the pool does now; read the difference.
func TestTranscripts(t *testing.T) {
	files := 0
	if err := flag.Set("datadriven-quiet", "true"); err != nil { // even with -v
		t.Fatal(err)
	}
	datadriven.Walk(t, "testdata/transcripts", func(t *testing.T, path string) {
		files++
		s := &stage{}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			return s.play(t, d)
		})
	})
	if files == 0 {
		t.Error("testdata/transcripts holds no transcript")
	}
}

// A stage is what a transcript plays on.
type stage struct {
	pool     *Pool
	now      time.Duration
	requests map[string]*Request
	workers  map[string]*Worker
	started  int
	out      strings.Builder
}

// play performs one command and returns what came of it.
func (s *stage) play(t *testing.T, d *datadriven.TestData) string {
	s.out.Reset()
	switch d.Cmd {
	case "pool":
		s.open(t, d)
		return s.out.String()
	case "status":
		return s.status()
	case "next":
		at, ok := s.pool.Next()
		if !ok {
			return "never\n"
		}
		return fmt.Sprintf("in %v\n", at-s.now)
	case "wait":
		s.wait(t, d)
	case "sleep":
		s.now += argDuration(t, d)
	default:
		s.command(t, d)
	}
	if s.out.Len() == 0 {
		return "nothing\n"
	}
	return s.out.String()
}

// command calls one method of the pool, once for each name after it.
func (s *stage) command(t *testing.T, d *datadriven.TestData) {
	p, now := s.pool, s.now
	plain := map[string]func(time.Duration) []Action{
		"start": p.Start, "start-gradually": p.StartGradually, "tick": p.Tick, "drain": p.Drain, "shutdown": p.Shutdown,
	}
	ofWorker := map[string]func(time.Duration, *Worker) []Action{
		"ready": p.Ready, "exit": p.Exited, "deny": p.StartDenied,
		"retire": func(now time.Duration, w *Worker) []Action { return p.Retire(now, w, MaxMemory) },
	}
	ofRequest := map[string]func(time.Duration, *Request) []Action{
		"arrive": p.Arrive, "cancel": p.Cancel, "respond": p.Responded, "free": p.Free,
		"abort":  func(now time.Duration, r *Request) []Action { return p.Abort(now, r, ClientAbort) },
		"unread": func(_ time.Duration, r *Request) []Action { r.Unread = true; return nil },
	}
	switch {
	case d.Cmd == "limit":
		n, err := strconv.Atoi(d.CmdArgs[0].Key)
		if err != nil {
			d.Fatalf(t, "limit: %v", err)
		}
		s.write(p.SetLimit(now, n))
	case plain[d.Cmd] != nil:
		s.write(plain[d.Cmd](now))
	case ofWorker[d.Cmd] != nil:
		for _, arg := range d.CmdArgs {
			w := s.workers[arg.Key]
			if w == nil {
				d.Fatalf(t, "no worker %s", arg.Key)
			}
			s.write(ofWorker[d.Cmd](now, w))
		}
	case ofRequest[d.Cmd] != nil:
		for _, arg := range d.CmdArgs {
			s.write(ofRequest[d.Cmd](now, s.request(arg)))
		}
	default:
		d.Fatalf(t, "no command %s", d.Cmd)
	}
}

// request returns the request of the name, making it if need be. A retryable
// one is written r1=retry.
func (s *stage) request(arg datadriven.CmdArg) *Request {
	r := s.requests[arg.Key]
	if r == nil {
		r = &Request{Owner: arg.Key}
		s.requests[arg.Key] = r
	}
	if len(arg.Vals) > 0 {
		r.Retryable = arg.Vals[0] == "retry"
	}
	return r
}

// wait lets the time pass and ticks whenever the pool wants it.
func (s *stage) wait(t *testing.T, d *datadriven.TestData) {
	until := s.now + argDuration(t, d)
	for {
		at, ok := s.pool.Next()
		if !ok || at > until {
			break
		}
		s.now = max(s.now, at)
		s.write(s.pool.Tick(s.now))
		if again, ok := s.pool.Next(); ok && again <= s.now {
			d.Fatalf(t, "at %v the pool wants a tick at %v again", s.now, again)
		}
	}
	s.now = until
}

func argDuration(t *testing.T, d *datadriven.TestData) time.Duration {
	v, err := time.ParseDuration(d.CmdArgs[0].Key)
	if err != nil {
		d.Fatalf(t, "%s: %v", d.Cmd, err)
	}
	return v
}

// write notes the actions, each with the time on a line of its own.
func (s *stage) write(actions []Action) {
	for _, a := range actions {
		fmt.Fprintf(&s.out, "%v %s\n", s.now, s.describe(a))
	}
}

func (s *stage) describe(a Action) string {
	switch a.Kind {
	case Lease:
		return fmt.Sprintf("lease %v to %s", a.Request.Owner, s.name(a.Worker))
	case Start:
		return fmt.Sprintf("start %s (%v)", s.name(a.Worker), a.Reason)
	case Stop:
		return fmt.Sprintf("%v %s (%v)", a.Signal, s.name(a.Worker), a.Reason)
	case Refuse:
		return fmt.Sprintf("refuse %v (%v)", a.Request.Owner, a.Reason)
	case Slow:
		return fmt.Sprintf("slow %v on %s, report %d", a.Request.Owner, s.name(a.Worker), a.N)
	case Timeout:
		return fmt.Sprintf("timeout %v on %s", a.Request.Owner, s.name(a.Worker))
	case End:
		return fmt.Sprintf("end %v", a.Request.Owner)
	case Notice:
		return "notice " + s.notice(a)
	}
	return fmt.Sprintf("unknown %+v", a)
}

func (s *stage) notice(a Action) string {
	text := a.Reason.String()
	if a.Worker != nil {
		text += " " + s.name(a.Worker)
	}
	switch a.Reason {
	case MaxChildrenReached, StartFailed, PoolFailed:
		text += fmt.Sprintf(", %d", a.N)
	case SeemsBusy:
		text += fmt.Sprintf(", rate %d, %d idle, %d total", a.N, a.Idle, a.Total)
	default:
	}
	return text
}

// name returns the name of w, and gives it one when it is new.
func (s *stage) name(w *Worker) string {
	if w.Owner == nil {
		s.started++
		name := "w" + strconv.Itoa(s.started)
		if s.pool.cfg.Slots {
			name = "s" + strconv.Itoa(w.Slot)
		}
		w.Owner, s.workers[name] = name, w
	}
	return w.Owner.(string)
}

// status writes what a Snapshot holds.
func (s *stage) status() string {
	var snap Snapshot
	s.pool.Snapshot(&snap, s.now)
	fmt.Fprintf(&s.out, "accepted %d, slow %d, retried %d, queue full %d, queue timeouts %d, max children reached %d\n",
		snap.Accepted, snap.SlowRequests, snap.Retried, snap.QueueFull, snap.QueueTimeouts, snap.MaxChildrenReached)
	fmt.Fprintf(&s.out, "queue %d (max %d), oldest %v\n", snap.Queue, snap.MaxQueue, snap.OldestWait)
	fmt.Fprintf(&s.out, "idle %d, active %d (max %d), starting %d, stopping %d, total %d\n",
		snap.Idle, snap.Active, snap.MaxActive, snap.Starting, snap.Stopping, snap.Total)
	if snap.Failed {
		s.out.WriteString("failed\n")
	}
	if s.pool.Done() {
		s.out.WriteString("done\n")
	}
	if snap.InternalErrors > 0 {
		fmt.Fprintf(&s.out, "internal errors %d\n", snap.InternalErrors)
	}
	for _, w := range snap.Workers {
		fmt.Fprintf(&s.out, "%d: %v for %v, %d requests, started %v\n", w.Slot, w.State, s.now-w.Since, w.Requests, w.Started)
	}
	return s.out.String()
}

// open makes a new pool from the fields named in the command.
func (s *stage) open(t *testing.T, d *datadriven.TestData) {
	*s = stage{requests: map[string]*Request{}, workers: map[string]*Worker{}}
	cfg := Config{
		Rand:  func() float64 { return 0.5 },
		Fault: func(err error) { fmt.Fprintf(&s.out, "%v %v\n", s.now, err) },
	}
	fields := configFields(&cfg)
	for _, arg := range d.CmdArgs {
		field := fields[arg.Key]
		if field == nil || len(arg.Vals) > 1 {
			d.Fatalf(t, "pool: bad field %v", arg)
		}
		if err := setField(field, arg.Vals); err != nil {
			d.Fatalf(t, "pool: %s: %v", arg.Key, err)
		}
	}
	p, err := New(cfg)
	if err != nil {
		d.Fatalf(t, "pool: %v", err)
	}
	s.pool = p
}

// configFields are the fields of cfg by the names that transcripts use.
func configFields(cfg *Config) map[string]any {
	return map[string]any{
		"pm": &cfg.Manager, "max": &cfg.MaxChildren, "start": &cfg.StartServers,
		"min-spare": &cfg.MinSpareServers, "max-spare": &cfg.MaxSpareServers, "spawn-rate": &cfg.MaxSpawnRate,
		"idle-timeout": &cfg.ProcessIdleTimeout, "slots": &cfg.Slots, "concurrency": &cfg.Concurrency,
		"max-requests": &cfg.MaxRequests, "jitter": &cfg.MaxRequestsJitter, "max-lifetime": &cfg.MaxLifetime,
		"queue": &cfg.QueueMaxLength, "no-queue": &cfg.NoQueue, "queue-timeout": &cfg.QueueTimeout,
		"terminate": &cfg.TerminateTimeout, "track-finished": &cfg.TerminateTrackFinished,
		"slowlog": &cfg.SlowlogTimeout, "slowlog-repeat": &cfg.SlowlogRepeat,
		"start-timeout": &cfg.StartTimeout, "grace": &cfg.StopGrace,
		"backoff-min": &cfg.BackoffMin, "backoff-max": &cfg.BackoffMax,
	}
}

// setField sets a field of Config from the value after its name; a flag has none.
func setField(field any, vals []string) (err error) {
	value := strings.Join(vals, "")
	switch field := field.(type) {
	case *bool:
		*field = true
	case *int:
		*field, err = strconv.Atoi(value)
	case *float64:
		*field, err = strconv.ParseFloat(value, 64)
	case *time.Duration:
		*field, err = time.ParseDuration(value)
	case *Manager:
		for m := Static; m <= Ondemand; m++ {
			if m.String() == value {
				*field = m
			}
		}
	}
	return err
}
