package master

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/anyfpm/anyfpm/internal/control"
	"github.com/anyfpm/anyfpm/internal/logfile"
	"github.com/anyfpm/anyfpm/internal/loop"
	"github.com/anyfpm/anyfpm/internal/usage"
	"github.com/anyfpm/anyfpm/status"
)

// snapshotTimeout is how long a supervisor may take to say how its pool is.
const snapshotTimeout = time.Second

// snapshots collects answers of supervisors, to one question at a time: many
// who ask at once must not fill the queues of messages.
type snapshots struct {
	master *Master
	lastID uint64
	open   *question              // or nil
	next   []func(status.Service) // who has asked meanwhile
}

// A question is asked of all pools at once.
type question struct {
	id      uint64
	waiting map[*supervisor]struct{}
	answers map[*supervisor]*status.Snapshot
	timer   *loop.Timer
	done    []func(status.Service)
}

// ask collects the state of the service, as it is at the time of the call or
// later, for done, which is called within twice snapshotTimeout and changes
// nothing of it.
func (n *snapshots) ask(done func(status.Service)) {
	n.next = append(n.next, done)
	if n.open == nil {
		n.begin()
	}
}

// begin asks for those who wait.
func (n *snapshots) begin() {
	q := &question{id: n.newID(), waiting: map[*supervisor]struct{}{}, answers: map[*supervisor]*status.Snapshot{}, done: n.next}
	n.open, n.next = q, nil
	q.timer = loop.NewTimer(n.finish)
	for _, p := range n.master.pools {
		if s := p.current; s != nil {
			q.waiting[s] = struct{}{}
			s.tell(&control.SnapshotRequest{ID: q.id})
		}
	}
	if len(q.waiting) == 0 {
		n.finish()
		return
	}
	l := n.master.loop
	l.Set(q.timer, l.Now()+n.master.bounds.snapshot)
}

// newID returns a number for a request that no other has.
func (n *snapshots) newID() uint64 {
	n.lastID++
	return n.lastID
}

// answer takes what one supervisor says. What cannot be understood counts as
// no answer.
func (n *snapshots) answer(s *supervisor, a *control.Snapshot) {
	q := n.open
	if q == nil || q.id != a.ID {
		return
	}
	if _, asked := q.waiting[s]; !asked {
		return
	}
	delete(q.waiting, s)
	if snapshot, err := readSnapshot(a.Status, rowsPerChild*s.cfg.MaxChildren); err == nil {
		q.answers[s] = snapshot
	}
	if len(q.waiting) == 0 {
		n.finish()
	}
}

// rowsPerChild is how many workers may be in a snapshot for each that the pool
// may have, with those that start and end beside them.
const rowsPerChild = 4

// readSnapshot reads the JSON of a snapshot with so many workers at most.
func readSnapshot(data []byte, most int) (*status.Snapshot, error) {
	var s struct {
		status.Snapshot
		Rows rows `json:"processes"` // in place of the embedded field
	}
	s.Rows.most = most
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, err
	}
	s.Processes = s.Rows.list
	return &s.Snapshot, nil
}

// rows are workers that are read one after the other: the shortest text of one
// takes up a hundred times as much room.
type rows struct {
	list []status.Process
	most int
}

// UnmarshalJSON reads an array, or null.
func (r *rows) UnmarshalJSON(data []byte) error {
	array := json.NewDecoder(bytes.NewReader(data))
	if _, err := array.Token(); err != nil {
		return err
	}
	for array.More() {
		if len(r.list) == r.most {
			return fmt.Errorf("more than %d workers", r.most)
		}
		var row status.Process
		if err := array.Decode(&row); err != nil {
			return err
		}
		r.list = append(r.list, row)
	}
	return nil
}

// forget ends the waiting for a supervisor that is gone.
func (n *snapshots) forget(s *supervisor) {
	q := n.open
	if q == nil {
		return
	}
	if _, asked := q.waiting[s]; asked {
		delete(q.waiting, s)
		if len(q.waiting) == 0 {
			n.finish()
		}
	}
}

func (n *snapshots) finish() {
	q := n.open
	n.open = nil
	n.master.loop.Clear(q.timer)
	service := n.master.service(q.answers)
	if len(n.next) > 0 {
		n.begin()
	}
	for _, done := range q.done {
		done(service)
	}
}

// service puts the state of the service together.
func (m *Master) service(answers map[*supervisor]*status.Snapshot) status.Service {
	service := m.history
	service.Version = m.opts.Version
	service.Time = time.Now()
	service.LogDrops = m.errors.dropped()
	for _, p := range usage.ReadPressure() {
		service.Pressure = append(service.Pressure, status.Pressure(p))
	}
	for _, p := range m.pools {
		service.Pools = append(service.Pools, p.snapshot(answers[p.current]))
	}
	slices.SortFunc(service.Pools, func(a, b status.Snapshot) int { return cmp.Compare(a.Pool, b.Pool) })
	return service
}

// snapshot completes what the pool's supervisor answered, or makes up for it:
// a pool without a process is idle, one that did not answer is unreachable.
func (p *pool) snapshot(answer *status.Snapshot) status.Snapshot {
	var s status.Snapshot
	switch {
	case answer != nil:
		s = *answer
		s.ProcessManager, s.Runner = string(p.cfg.PM), string(p.cfg.Runner)
		s.FailureReason = logfile.Printable(s.FailureReason)
	case p.current != nil:
		p.unreachable++
		s = status.Snapshot{Unreachable: true}
	default:
		s = p.idleSnapshot()
	}
	s.Pool, s.Listen, s.StatusPath = p.cfg.Name, p.cfg.Listen, p.cfg.StatusPath
	s.Generation, s.Failures = p.generation, p.unreachable
	if p.state == poolFailing || p.state == poolBackoff {
		s.Failed, s.FailureReason = true, p.failure
	}
	return s
}

func (p *pool) idleSnapshot() status.Snapshot {
	return status.Snapshot{
		ProcessManager: string(p.cfg.PM), StartTime: p.since, Runner: string(p.cfg.Runner),
		Limits: status.Limits{
			MaxChildren: p.cfg.MaxChildren, StartServers: p.cfg.StartServers,
			MinSpareServers: p.cfg.MinSpareServers, MaxSpareServers: p.cfg.MaxSpareServers,
			Concurrency: p.cfg.RunnerConcurrency, Queue: p.cfg.QueueMaxLength,
		},
	}
}
