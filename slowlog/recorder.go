package slowlog

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"
)

// A Format writes an event: [AppendPHPFPM] or [AppendJSON].
type Format func(dst []byte, e *Event, depth int) []byte

// RecorderConfig is what a Recorder writes, and where to.
type RecorderConfig struct {
	// Path is the log. It is opened for each event, as php-fpm does, and made
	// with mode 0600. Empty: File is the log.
	Path string
	// File is a log that is open already, for appending. The recorder does
	// not close it.
	File *os.File
	// Format writes an event; nil is AppendPHPFPM.
	Format Format
	// Depth is how many frames of a stack are written; 0 is php-fpm's 20.
	Depth int
	// Queue is how many events may wait to be written; 0 is 64.
	Queue int
	// Say is told what the operator should know: that events are lost, once
	// until they are not, and each advice of a report once. It is called from
	// Run. nil: nobody is told.
	Say func(text string)
}

// A Recorder writes events to a log. Nobody ever waits for the log: what it
// does not take in time is lost, counted, and said once.
type Recorder struct {
	cfg   RecorderConfig
	queue chan *Event
	files chan *os.File
	lost  atomic.Uint64

	// The rest belongs to Run.
	file    *os.File
	said    uint64 // the losses that were said
	failing bool
	torn    bool // the last event was written in part
	advice  map[string]bool
}

// NewRecorder returns a recorder; Run makes it write.
func NewRecorder(cfg RecorderConfig) (*Recorder, error) {
	if (cfg.Path == "") == (cfg.File == nil) {
		return nil, errors.New("the slow log needs a path or an open file, and not both")
	}
	if cfg.Format == nil {
		cfg.Format = AppendPHPFPM
	}
	cfg.Depth = bounded(cfg.Depth, defaultDepth, MaxFrames)
	cfg.Queue = bounded(cfg.Queue, defaultQueue, maxQueue)
	if cfg.Say == nil {
		cfg.Say = func(string) {}
	}
	return &Recorder{
		cfg:    cfg,
		queue:  make(chan *Event, cfg.Queue),
		files:  make(chan *os.File, 1),
		file:   cfg.File,
		advice: map[string]bool{},
	}, nil
}

// Defaults and bounds of a recorder.
const (
	defaultDepth = 20
	defaultQueue = 64
	maxQueue     = 4096
	maxAdvice    = 16              // different advices that are said
	drainTime    = 2 * time.Second // for what is queued when Run ends
	stallTime    = time.Second     // how long a pipe may take no byte
)

// Record hands an event over to be written. It never waits. The event must
// not be changed afterwards.
func (r *Recorder) Record(e *Event) {
	select {
	case r.queue <- e:
	default:
		r.lost.Add(1)
	}
}

// Lost is how many events were lost so far.
func (r *Recorder) Lost() uint64 { return r.lost.Load() }

// Reopen has the recorder write to another open file from then on. It is for
// a recorder that was made with one; with a path nothing needs to be done.
func (r *Recorder) Reopen(f *os.File) {
	for {
		select {
		case r.files <- f:
			return
		default:
		}
		select { // one that was not taken up yet is superseded
		case <-r.files:
		default:
		}
	}
}

// Run writes events until ctx ends, and then those that wait, for at most two
// seconds. It returns nil.
func (r *Recorder) Run(ctx context.Context) error {
	for {
		select {
		case e := <-r.queue:
			r.write(e)
		case r.file = <-r.files:
		case <-ctx.Done():
			r.drain()
			return nil
		}
	}
}

func (r *Recorder) drain() {
	for deadline := time.Now().Add(drainTime); ; {
		select {
		case e := <-r.queue:
			if time.Now().After(deadline) {
				r.lost.Add(1)
				continue
			}
			r.write(e)
		default:
			return
		}
	}
}

// write writes one event, or counts it as lost, and says what is to be said.
func (r *Recorder) write(e *Event) {
	if a := e.Report.Advice; a != "" && !r.advice[a] && len(r.advice) < maxAdvice {
		r.advice[a] = true
		r.cfg.Say(fmt.Sprintf("slow log of pool %s: %s", cleanBounded(e.Pool, maxName), a))
	}
	err := r.append(r.cfg.Format(nil, e, r.cfg.Depth))
	if err != nil {
		r.lost.Add(1)
	}
	lost := r.lost.Load()
	switch {
	case err != nil && !r.failing:
		r.cfg.Say(fmt.Sprintf("cannot write the slow log: %v; events are lost", err))
		r.failing = true
	case err == nil && lost > r.said:
		r.cfg.Say(fmt.Sprintf("%d events of the slow log were lost", lost-r.said))
		r.said, r.failing = lost, false
	}
}
