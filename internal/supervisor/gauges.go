package supervisor

import (
	"log/slog"
	"time"

	"github.com/anyfpm/anyfpm/internal/logfile"
	"github.com/anyfpm/anyfpm/internal/sockdiag"
	"github.com/anyfpm/anyfpm/internal/usage"
)

// The gauges are what the pool measures for its status page and metrics, where
// a tally counts.
type gauges struct {
	// observed says that somebody may look at what single requests used: there
	// is an access log, a status page or a scraper. Else it is not measured.
	observed bool
	// each says that the CPU time of every request is measured, since the
	// access log shows it. Else there are samples.
	each    bool
	samples struct {
		until time.Duration // the end of the window
		left  int           // of samplesPerWindow
	}

	diag           *sockdiag.Conn // nil if the kernel does not answer
	maxListenQueue int
	meter          meter
	oom            oomWatch
	drops          []logDrops
}

// A reading of a worker's CPU time costs a microsecond or two when it has just
// run on another processor. At a thousand requests a second all are measured, at
// thirty thousand every thirtieth.
const (
	sampleWindow     = 10 * time.Millisecond
	samplesPerWindow = 10
)

// sample says whether the CPU time of a request that begins now is measured.
func (g *gauges) sample(now time.Duration) bool {
	switch {
	case !g.observed:
		return false
	case g.each:
		return true
	case now >= g.samples.until:
		g.samples.until, g.samples.left = now+sampleWindow, samplesPerWindow
	case g.samples.left == 0:
		return false
	}
	g.samples.left--
	return true
}

// logDrops tells of the lines that a log has lost.
type logDrops struct {
	log   string
	count func() uint64
}

// openGauges gets ready what New can.
func (s *Supervisor) openGauges() {
	s.observed = s.cfg.StatusPath != ""
	s.openDiag()
	s.meter.s = s
	s.meter.probe()
}

// closeGauges ends the measuring. The loop must have ended.
func (s *Supervisor) closeGauges() {
	s.meter.close()
	if s.diag != nil {
		_ = s.diag.Close()
	}
	if s.oom.count != nil {
		_ = s.oom.count.Close()
	}
}

// Scraped tells the supervisor that its status is read for metrics, so that
// what requests use is measured even without a status page.
func (s *Supervisor) Scraped() { s.observed = true }

// WatchOOM has the supervisor tell workers that the kernel killed for lack of
// memory from others. It takes over the count, which is opened before chroot
// hides it.
func (s *Supervisor) WatchOOM(count *usage.OOM) { s.oom.count = count }

// CountDrops names the function that tells how many lines a log has lost. It
// is called on the loop.
func (s *Supervisor) CountDrops(log string, count func() uint64) {
	s.drops = append(s.drops, logDrops{log, count})
}

// openLog returns a writer to a log of the pool. What it loses is counted, and
// said once until the log is opened anew.
func (s *Supervisor) openLog(name, path string, fd int) *logfile.Writer {
	out := logfile.FromFD(fd)
	out.Watch(func(err error) {
		s.log.Warn("lines of the "+name+" log "+path+" are lost", slog.Any("err", err))
	}, nil)
	s.CountDrops(name, out.Dropped)
	return out
}

// lostLines returns the lines lost so far, by log.
func (g *gauges) lostLines() map[string]uint64 {
	lost := make(map[string]uint64, len(g.drops))
	for _, d := range g.drops {
		lost[d.log] = d.count()
	}
	return lost
}
