package supervisor

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/internal/cgi"
	"github.com/anyfpm/anyfpm/internal/config"
	"github.com/anyfpm/anyfpm/internal/control"
	"github.com/anyfpm/anyfpm/internal/loop"
	"github.com/anyfpm/anyfpm/internal/phpini"
	"github.com/anyfpm/anyfpm/internal/proc"
	"github.com/anyfpm/anyfpm/internal/runner"
	"github.com/anyfpm/anyfpm/internal/scratch"
	"github.com/anyfpm/anyfpm/pool"
)

const (
	// scratchSize is how much one read takes at most, of a web server's
	// connection as of a worker's.
	scratchSize = 64 << 10
	// highWater is how much of a response may wait for a slow web server
	// before its worker is no longer read.
	highWater = 128 << 10
	// heldStderr is how much of FCGI_STDERR waits for the response header.
	heldStderr = 64 << 10
	// maxParams bounds the PARAMS of one request.
	maxParams = 1 << 20
	// maxRequestsPerConn bounds multiplexing; a request beyond it is answered
	// with FCGI_OVERLOADED.
	maxRequestsPerConn = 128

	// firstByteTimeout is php-fpm's patience with a new connection that says
	// nothing (fpm_request.c, 5 s).
	firstByteTimeout = 5 * time.Second
	// paramsTimeout bounds the time from the beginning of a request to the end
	// of its PARAMS, and that for which part of a record may be all there is.
	paramsTimeout = 10 * time.Second
	// bodySilence is how long a body may pause.
	bodySilence = 60 * time.Second
	// idleGrace is how long a kept connection may go on after another
	// generation has taken over: longer than nginx keeps an idle one.
	idleGrace = 75 * time.Second
	// watchAfter is how long a request may run before its connection is
	// watched for a client that goes away. Most requests are over by then and
	// never cost the system call.
	watchAfter = 25 * time.Millisecond
	// retryAfter is what a refused client is told to wait, in seconds.
	retryAfter = 1
	// forkRate is pm.max_spawn_rate where a worker is a fork for one request:
	// pm.max_spawn_rate means interpreters that start.
	forkRate = 100_000
	// acceptPause is how long accepting rests when descriptors run out.
	acceptPause = 100 * time.Millisecond
)

// silences are the times for which a client may keep the supervisor waiting.
type silences struct{ firstByte, params, body, withhold time.Duration }

// Events is what a supervisor has to tell its master. The methods are called
// on the loop and must not block.
type Events interface {
	// Ready: the first workers passed their handshake, connections are accepted;
	// or workers start again after Failed.
	Ready()
	// Failed: workers do not start.
	Failed(reason string)
	// Quiet: an ondemand pool has neither connection nor worker.
	Quiet()
	// Crashed: a worker died on a signal nobody sent it.
	Crashed(pid int, sig syscall.Signal)
	// Usage: under process.max, how many workers the pool has and wants.
	Usage(workers, wanted int)
	// Status is the answer to a question for the status, as JSON.
	Status(id uint64, status []byte)
	// HandOver gives connections, whose descriptors it takes over, to the next
	// generation, and posts done to the loop once they are on their way.
	HandOver(list []control.Connection, fds []int, done func())
}

// A Supervisor runs one pool. All its fields belong to the loop.
type Supervisor struct {
	cfg    *config.Pool
	log    *slog.Logger
	loop   *loop.Loop
	pool   *pool.Pool
	runner runner.Runner
	procs  *processes
	compat compat

	events Events

	resolver resolver     // nil for runners that find the script themselves
	clients  []netip.Addr // listen.allowed_clients
	// badClients are entries of it that are no addresses.
	badClients []string
	limits     []proc.Limit // of every process of the pool
	host       *host
	dir        *scratch.Dir // private directory of the workers' sockets; nil before the first
	ini        *phpini.Held // what makes php_admin_value binding; nil for most

	zygote    *zygote // forks the workers; nil without one
	hasZygote bool
	traits    runner.Traits
	forked    map[int]*worker // by pid

	access    *accessLog // nil without one
	slowlog   *slowLog   // nil without one
	masterPID int
	logLimit  int // log_limit
	// syncLog waits for the log to be written, and tells whether it is; nil
	// when it cannot be waited for. said tells that a worker's line is in it,
	// logStuck that it was waited for in vain.
	syncLog      func(time.Duration) bool
	said         bool
	logStuck     bool
	generation   int // counts reloads
	httpDoors    []*httpDoor
	httpDraining int                // doors whose requests are not over
	endHTTP      context.CancelFunc // ends them at once; nil before Drain
	quota        quota
	silence      silences
	doors        []*door
	started      bool // package pool is started
	alone        bool // no other generation of the pool serves
	ready        bool // the first workers have started
	serving      bool // connections are accepted
	closing      bool // no new connections
	handing      bool // the next generation takes the connections
	handed       handedOver
	drained      bool // package pool is told to end
	quiet        bool // an ondemand pool has neither connection nor worker
	quietTimer   *loop.Timer
	failure      string // why workers do not start, empty if they do
	lastFailure  string // of the latest start that failed
	snap         pool.Snapshot

	todo       []pool.Action
	performing bool
	poolTimer  *loop.Timer

	readBuf  []byte // a web server's bytes, during one handler call
	relayBuf []byte // a worker's bytes, during one handler call
	drainBuf []byte // a worker's pipe, while relayBuf is in use
	number   []byte // a number as text, for a moment
	bodyBuf  []byte // a body read back from its file, during one handler call

	dirty     []*conn                 // have output to write at the end of the turn
	resumable []*conn                 // have drained: their workers may be read again
	orphaned  []interface{ resume() } // relays whose client is gone
	spoken    []*worker               // have ended a request: their lines end too

	suspects  map[int]struct{} // stdouts of scripts that have exited
	suspicion time.Duration    // suspectPatience

	conns     map[*conn]struct{}
	freeConns []*conn
	freeReqs  []*request
	freeBufs  [][]byte
	serial    uint64

	spareFiles int  // descriptors for connections and bodies
	spooled    int  // bodies in files
	starving   bool // a door waits for a descriptor

	unwatched  []unwatched
	watchTimer *loop.Timer

	tally
	gauges
}

// A resolver finds the script of a request.
type resolver interface {
	Resolve(p *cgi.Params) cgi.Resolution
}

// New returns the supervisor of a pool; it starts nothing. The pool's
// descriptors and processes come later, see Run.
func New(cfg *config.Pool, log *slog.Logger, l *loop.Loop, r runner.Runner, procs *processes, h *host, events Events) (*Supervisor, error) {
	settings := poolConfig(cfg, r)
	settings.Fault = func(err error) { log.Error("internal error", slog.Any("err", err)) }
	p, err := pool.New(settings)
	if err != nil {
		return nil, fmt.Errorf("cannot set up pool %s: %w", cfg.Name, err)
	}
	s := &Supervisor{
		cfg: cfg, log: log, loop: l, pool: p, runner: r, procs: procs, host: h, events: events,
		logLimit:  maxLine, // until the session says it
		silence:   silences{firstByteTimeout, paramsTimeout, bodySilence, withholdSilence},
		readBuf:   make([]byte, scratchSize),
		relayBuf:  make([]byte, scratchSize),
		bodyBuf:   make([]byte, scratchSize),
		drainBuf:  make([]byte, scratchSize),
		suspects:  make(map[int]struct{}),
		suspicion: suspectPatience,
		conns:     make(map[*conn]struct{}),
		forked:    make(map[int]*worker),
		hasZygote: r.Zygote() != nil,
		traits:    r.Traits(),
	}
	s.spareFiles = s.findSpareFiles()
	s.ini = phpini.Hold(cfg.PHPScanDir)
	s.compat.php = cfg.Runner == config.RunnerPHP
	s.quota.limit = unlimited
	s.openGauges()
	s.parseClients()
	if cfg.RlimitFiles > 0 {
		s.limits = []proc.Limit{{Resource: unix.RLIMIT_NOFILE, Value: uint64(cfg.RlimitFiles)}}
	}
	switch cfg.Runner {
	case config.RunnerFastCGI, config.RunnerWSGI, config.RunnerPHP: // see inquire for the last
	default:
		s.resolver = &cgi.Resolver{Stat: stat, Extensions: cfg.LimitExtensions}
	}
	s.poolTimer = loop.NewTimer(func() { s.perform(s.pool.Tick(s.loop.Now())) })
	s.quietTimer = loop.NewTimer(events.Quiet)
	s.watchTimer = loop.NewTimer(s.watchOverdue)
	l.AfterBatch = s.afterBatch
	return s, nil
}

// Close releases what New took. The loop must have ended.
func (s *Supervisor) Close() {
	s.closeGauges()
	s.slowlog.close()
	s.access.close()
	if s.dir != nil {
		s.dir.Remove()
	}
	for _, d := range s.doors {
		d.close()
	}
	for fd := range s.suspects {
		loop.Close(fd)
	}
}

func poolConfig(cfg *config.Pool, r runner.Runner) pool.Config {
	managers := map[config.PM]pool.Manager{
		config.Static: pool.Static, config.Dynamic: pool.Dynamic, config.Ondemand: pool.Ondemand,
	}
	stopGrace := time.Duration(0) // package pool's
	if cfg.Runner == config.RunnerPHP {
		stopGrace = phpStopGrace
	}
	spawnRate := cfg.MaxSpawnRate
	if r.Traits().Once {
		spawnRate = forkRate
	}
	return pool.Config{
		Manager:                managers[cfg.PM],
		Slots:                  r.Wiring() == runner.Pipes,
		MaxChildren:            cfg.MaxChildren,
		StartServers:           cfg.StartServers,
		MinSpareServers:        cfg.MinSpareServers,
		MaxSpareServers:        cfg.MaxSpareServers,
		MaxSpawnRate:           spawnRate,
		ProcessIdleTimeout:     cfg.ProcessIdleTimeout,
		MaxRequests:            cfg.MaxRequests,
		MaxRequestsJitter:      cfg.MaxRequestsJitter,
		MaxLifetime:            cfg.MaxLifetime,
		Concurrency:            cfg.RunnerConcurrency,
		QueueMaxLength:         cfg.QueueMaxLength,
		NoQueue:                cfg.QueueMaxLength == 0,
		QueueTimeout:           cfg.QueueTimeout,
		TerminateTimeout:       cfg.TerminateTimeout,
		TerminateTrackFinished: cfg.TerminateTrackFinish,
		SlowlogTimeout:         cfg.SlowlogTimeout,
		SlowlogRepeat:          cfg.SlowlogRepeat,
		StartTimeout:           cfg.RunnerStartTime,
		StopGrace:              stopGrace,
		Rand:                   rand.Float64,
	}
}

// afterBatch ends a turn of the loop: it writes what the turn left to write
// and sets the pool's timer.
func (s *Supervisor) afterBatch() {
	// The lines of a request are in the log before its response is out.
	for i, w := range s.spoken {
		w.lines.flush(w)
		w.complain()
		s.spoken[i] = nil
	}
	s.spoken = s.spoken[:0]
	if s.said && len(s.dirty) > 0 && s.syncLog != nil {
		patience := logPatience
		if s.logStuck {
			patience = 0
		}
		s.logStuck = !s.syncLog(patience)
	}
	s.said = false
	for i := 0; i < len(s.dirty); i++ {
		c := s.dirty[i]
		s.dirty[i] = nil
		c.dirty = false
		c.flush()
	}
	s.dirty = s.dirty[:0]
	if len(s.resumable)+len(s.orphaned) > 0 {
		s.resumeRelays()
	}
	s.handOverIdle()
	s.checkQuota()
	if s.closing {
		s.checkDone()
	} else {
		s.checkQuiet()
	}
	if at, ok := s.pool.Next(); ok { // after all that may have changed it
		s.loop.Set(s.poolTimer, at)
	} else {
		s.loop.Clear(s.poolTimer)
	}
}

// buffer returns an empty buffer to append to; release gives it back.
func (s *Supervisor) buffer() []byte {
	if n := len(s.freeBufs); n > 0 {
		b := s.freeBufs[n-1]
		s.freeBufs = s.freeBufs[:n-1]
		return b
	}
	return make([]byte, 0, 4<<10)
}

// release keeps a buffer for the next request. Large ones and more than a
// few are left to the garbage collector, so that a burst is not remembered
// for ever.
func (s *Supervisor) release(b []byte) {
	const keepCap, keepCount = highWater + scratchSize, 256
	if cap(b) > 0 && cap(b) <= keepCap && len(s.freeBufs) < keepCount {
		s.freeBufs = append(s.freeBufs, b[:0])
	}
}
