package supervisor

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/anyfpm/anyfpm/pool"
	"github.com/anyfpm/anyfpm/status"
)

// A row is what a resident worker remembers of its last request. Its buffers
// are used again and again.
type row struct {
	method, uri, query, user, script, id []byte
	length                               uint64
	took, queued                         time.Duration
	cpu                                  float64 // percent of one CPU; of the last request that was measured
	memory                               uint64  // bytes
}

func (w *row) remember(r *request) {
	w.method = append(w.method[:0], cut(r.method(), status.MaxMethod)...)
	w.uri = append(w.uri[:0], cut(r.uri(), status.MaxURI)...)
	w.query = append(w.query[:0], cut(r.query(), status.MaxQuery)...)
	w.user = append(w.user[:0], cut(r.user(), status.MaxUser)...)
	w.script = append(w.script[:0], cut(r.script, status.MaxScript)...)
	w.id = append(w.id[:0], cut(r.requestID(), status.MaxRequestID)...)
	w.length = r.length()
	w.took = r.s.loop.Now() - r.granted
	w.queued = r.granted - r.arrived
	w.memory = r.memory
}

// measured notes what a request used that took so long.
func (w *row) measured(cpu, took time.Duration) {
	if took > 0 {
		w.cpu = 100 * float64(cpu) / float64(took)
	}
}

// length is CONTENT_LENGTH; what is no number is 0.
func (r *request) length() uint64 {
	text := r.params.Get("CONTENT_LENGTH")
	if len(text) == 0 {
		return 0 // of most requests; an error would be allocated
	}
	n, err := strconv.ParseUint(string(text), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// user is the name of HTTP Basic or Digest authentication, as php-fpm shows
// it; whether the web server believed it is another matter.
func (r *request) user() []byte {
	auth := r.params.Get("HTTP_AUTHORIZATION")
	if scheme, rest, ok := bytes.Cut(auth, []byte(" ")); ok && bytes.EqualFold(scheme, []byte("Basic")) {
		if name, _, ok := bytes.Cut(decodeBase64(rest), []byte(":")); ok {
			return name
		}
		return nil
	}
	if _, rest, ok := bytes.Cut(auth, []byte(`username="`)); ok && len(auth) > 6 && bytes.EqualFold(auth[:6], []byte("Digest")) {
		name, _, _ := bytes.Cut(rest, []byte(`"`))
		return name
	}
	return nil
}

// decodeBase64 decodes as PHP does: what is no digit is left out, and nothing
// need be padded.
func decodeBase64(text []byte) []byte {
	digits := slices.DeleteFunc(slices.Clone(text), func(c byte) bool {
		return strings.IndexByte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", c) < 0
	})
	if len(digits)%4 == 1 {
		digits = digits[:len(digits)-1]
	}
	plain, _ := base64.RawStdEncoding.AppendDecode(nil, digits) // it cannot fail
	return plain
}

// status is the pool at this moment. asking is the request that asks, nil
// for the master and for pm.status_listen: php-fpm shows an active process
// for it, since there a worker answers.
func (s *Supervisor) status(asking *request) *status.Snapshot {
	now := s.loop.Now()
	s.pool.Snapshot(&s.snap, now)
	p := &s.snap
	waiting, mostWaiting, backlog := s.listenQueue(p.Queue, p.MaxQueue)
	out := &status.Snapshot{
		Pool: s.cfg.Name, ProcessManager: string(s.cfg.PM), StartTime: s.loop.Epoch(),
		AcceptedConn: s.counters.accepted,
		ListenQueue:  waiting, MaxListenQueue: mostWaiting, ListenQueueLen: backlog.limit,
		IdleProcesses: p.Idle, ActiveProcesses: p.Active, MaxActiveProcesses: p.MaxActive,
		MaxChildrenReached: p.MaxChildrenReached, SlowRequests: p.SlowRequests,
		MemoryPeak: s.memoryPeak,

		Runner: string(s.cfg.Runner), Listen: s.cfg.Listen, StatusPath: s.cfg.StatusPath,
		Generation: s.generation, Failed: p.Failed, FailureReason: s.failure,
		Limits: status.Limits{
			MaxChildren: s.cfg.MaxChildren, StartServers: s.cfg.StartServers,
			MinSpareServers: s.cfg.MinSpareServers, MaxSpareServers: s.cfg.MaxSpareServers,
			Concurrency: s.cfg.RunnerConcurrency, Queue: s.cfg.QueueMaxLength,
		},
		Connections: len(s.conns), Queue: p.Queue, QueueOldest: p.OldestWait,
		StartingProcesses: p.Starting, StoppingProcesses: p.Stopping,
		BacklogUsed: backlog.used, BacklogLimit: backlog.limit, BacklogOverflows: backlog.overflows,
		Outcomes: s.outcomes, Responses: s.responses, Retries: p.Retried,
		Spawns: s.counters.spawns, Exits: s.exits.byName(),
		OOMKills: s.counters.oomKills, LogDrops: s.lostLines(),
		QueueTime: s.histograms.queue, RequestTime: s.histograms.request,
		CPUTime: s.histograms.cpu, SpawnTime: s.histograms.spawn,
	}
	if asking != nil {
		if out.IdleProcesses > 0 {
			out.IdleProcesses--
		}
		out.ActiveProcesses++
		out.MaxActiveProcesses = max(out.MaxActiveProcesses, out.ActiveProcesses)
	}
	out.TotalProcesses = out.IdleProcesses + out.ActiveProcesses
	for _, w := range p.Workers {
		row := s.process(w, now)
		out.PSS += row.PSS
		out.Processes = append(out.Processes, row)
	}
	return out
}

// process is one worker for the status page.
func (s *Supervisor) process(w pool.WorkerSnapshot, now time.Duration) status.Process {
	p := status.Process{
		Slot: w.Slot, State: stateName(w.State), Requests: uint64(w.Requests),
		StartTime: s.loop.Epoch().Add(w.Started),
	}
	switch owner := w.Owner.(type) {
	case *script:
		p.PID, p.PSS = owner.pid, owner.footprint.memory.PSS
		show(&p, owner.r, now)
	case *worker:
		p.PID, p.PSS = owner.pid, owner.footprint.memory.PSS
		if r := owner.only(); r != nil {
			show(&p, r, now)
		} else {
			owner.row.show(&p)
		}
	}
	return p
}

// show cuts what the client has made as long as it likes: the master takes so
// much for a worker and no more.
func show(p *status.Process, r *request, now time.Duration) {
	p.RequestMethod, p.RequestURI = string(cut(r.method(), status.MaxMethod)), string(cut(r.uri(), status.MaxURI))
	p.QueryString, p.User = string(cut(r.query(), status.MaxQuery)), string(cut(r.user(), status.MaxUser))
	p.Script, p.ContentLength = cut(r.script, status.MaxScript), r.length()
	p.RequestID = string(cut(r.requestID(), status.MaxRequestID))
	p.RequestDuration, p.QueueTime = now-r.granted, r.granted-r.arrived
}

func (w *row) show(p *status.Process) {
	p.RequestMethod, p.RequestURI, p.QueryString = string(w.method), string(w.uri), string(w.query)
	p.User, p.Script, p.ContentLength = string(w.user), string(w.script), w.length
	p.RequestID = string(w.id)
	p.RequestDuration, p.QueueTime = w.took, w.queued
	p.LastRequestCPU, p.LastRequestMemory = w.cpu, w.memory
}

// cut returns at most n bytes of text.
func cut[T ~string | ~[]byte](text T, n int) T { return text[:min(n, len(text))] }

// stateName is a worker's state in php-fpm's words.
func stateName(w pool.WorkerState) status.State {
	switch w {
	case pool.StateStarting:
		return status.Creating
	case pool.StateBusy:
		return status.Running
	case pool.StateFinishing:
		return status.Finishing
	case pool.StateStopping, pool.StateDead:
		return status.Ending
	default:
		return status.Idle
	}
}

// reportStatus answers the master.
func (s *Supervisor) reportStatus(id uint64) {
	data, err := json.Marshal(s.status(nil))
	s.meter.survey(s.snap.Workers)
	if err != nil {
		s.log.Error("cannot encode the status", "err", err)
		return
	}
	s.events.Status(id, data)
}
