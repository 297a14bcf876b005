package supervisor

import (
	"fmt"
	"log/slog"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/internal/cgi"
	"github.com/anyfpm/anyfpm/internal/logfile"
	"github.com/anyfpm/anyfpm/internal/loop"
	"github.com/anyfpm/anyfpm/internal/proc"
	"github.com/anyfpm/anyfpm/internal/runner"
)

const (
	// inquiryPatience is how long php-cgi may take to tell what it is like.
	inquiryPatience = 10 * time.Second
	// maxInquiry bounds its answer; before it may come warnings of its start.
	maxInquiry = 64 << 10
	// phpStopGrace is how long a worker has to end when it was asked to, as in
	// php-fpm (fpm_process_ctl.c).
	phpStopGrace = time.Second
)

// compat holds what differs for a pool that stands in for php-fpm's.
type compat struct {
	php       bool // php-fpm's manners in FastCGI, its answers for missing scripts
	standIn   bool // we run in php-fpm's place, under its name
	poweredBy string
	inquiry   *inquiry // under way: no connection is accepted before its end
	warned    bool     // of settings that have no effect
	holding   bool     // lines of workers wait in held
	held      []heldLine
	heldSize  int
}

// An inquiry is a process of php-cgi that tells what answers depend on that
// php-fpm gives without a script.
type inquiry struct {
	s     *Supervisor
	pid   int // 0 before its program executes
	out   readPipe
	text  []byte
	err   readPipe
	lines lines // on stderr: what PHP has to say about its start
	over  bool  // nobody waits for it any more
	timer *loop.Timer
}

// inquire asks the pool's php-cgi for its settings. If it does not answer, the
// defaults of PHP hold.
func (s *Supervisor) inquire() {
	php, ok := s.runner.(*runner.PHP)
	if !ok {
		return
	}
	q := &inquiry{s: s}
	q.out.fd, q.err.fd = -1, -1
	q.timer = loop.NewTimer(q.giveUp)
	s.compat.inquiry = q
	if err := q.start(php.Inquiry()); err != nil {
		q.fail(err)
	}
}

func (q *inquiry) start(plan runner.Plan) error {
	program, err := openProgram(plan.Program)
	if err != nil {
		return err
	}
	out, err := q.out.open(q.s.loop, q.read)
	if err != nil {
		closeAll([]int{program})
		return err
	}
	files := []int{program, out}
	stderr, err := q.err.open(q.s.loop, q.readErrors)
	if err != nil {
		closeAll(files)
		return err
	}
	q.s.procs.start(q.s.spec(plan, append(files, stderr)), q.started, q.onExit)
	q.s.loop.Set(q.timer, q.s.loop.Now()+inquiryPatience)
	return nil
}

func (q *inquiry) started(pid int, err error) {
	switch {
	case err != nil && !q.over:
		q.fail(err)
	case err == nil && q.over:
		_ = proc.KillLeader(pid, syscall.SIGKILL)
	case err == nil:
		q.pid = pid
	}
}

func (q *inquiry) read() {
	for q.out.readable {
		data, _ := q.out.read(q.s.relayBuf)
		if data == nil {
			break
		}
		if len(q.text)+len(data) <= maxInquiry {
			q.text = append(q.text, data...)
		}
	}
}

func (q *inquiry) readErrors() {
	for q.err.readable {
		data, _ := q.err.read(q.s.drainBuf)
		if data == nil {
			break
		}
		q.lines.add(onStderr, data, q)
	}
}

// sayLine implements speaker. php-fpm says once what its workers, here, each say
// for themselves.
func (q *inquiry) sayLine(_ stream, line []byte) {
	if !q.s.cfg.CatchWorkersOutput {
		logfile.Printf(q.s.log, logfile.LevelNotice, "PHP message: %s", line)
	}
}

func (q *inquiry) onExit(proc.Exit) {
	if q.over {
		return
	}
	q.out.toEnd()
	q.read()
	q.err.toEnd()
	q.readErrors()
	q.lines.flush(q)
	facts := runner.ParsePHPFacts(q.text)
	if facts.Version == "" {
		q.fail(fmt.Errorf("its output begins %.100q", q.text), q.lines.lastAttr())
		return
	}
	q.end(facts)
}

// giveUp ends an inquiry that takes too long: the pool does without, and the
// process goes as soon as it can, even if its program has yet to execute.
func (q *inquiry) giveUp() {
	if q.pid != 0 {
		_ = proc.KillLeader(q.pid, syscall.SIGKILL)
	}
	q.fail(fmt.Errorf("it does not answer within %v", inquiryPatience), q.lines.lastAttr())
}

func (q *inquiry) fail(err error, said ...any) {
	q.s.log.Warn("cannot ask php-cgi for its settings, taking php's defaults", append(said, slog.Any("err", err))...)
	q.end(runner.ParsePHPFacts(nil))
}

func (q *inquiry) end(facts runner.PHPFacts) {
	q.over = true
	q.s.loop.Clear(q.timer)
	q.out.close()
	q.err.close()
	q.s.compat.inquiry = nil
	q.s.compat.poweredBy = facts.PoweredBy()
	q.s.resolver = &cgi.PHPResolver{
		Stat: stat, Extensions: q.s.cfg.LimitExtensions,
		NoFixPathinfo: !facts.FixPathinfo, DiscardPath: facts.DiscardPath, DocRoot: facts.DocRoot,
		DecodePathInfo: facts.DecodesPathInfo(),
	}
	if q.s.started {
		q.s.checkServing()
	} else {
		q.s.begin()
	}
}

// warnOfSettings says once that the web server sends settings: php-fpm would
// take them, and somebody may rely on an open_basedir among them.
func (r *request) warnOfSettings() {
	if r.s.compat.warned {
		return
	}
	for _, name := range [...]string{"PHP_ADMIN_VALUE", "PHP_VALUE"} {
		if value := r.params.Get(name); len(value) > 0 {
			r.s.compat.warned = true
			r.log().Warn("the web server sends php settings that php-cgi does not take, they have no effect",
				slog.String(name, string(value)), r.attr())
		}
	}
}

// unasked answers as php-fpm does a request without REQUEST_METHOD: with a
// header and nothing else.
func (r *request) unasked() {
	header := "Content-type: text/html; charset=UTF-8\r\n\r\n"
	if r.s.compat.poweredBy != "" {
		header = "X-Powered-By: " + r.s.compat.poweredBy + "\r\n" + header
	}
	r.reply([]byte(header))
}

// explainForbidden says of a script that php-cgi could not open what php-fpm
// says of it. Whether it may be read is asked only now: few may not.
func (r *request) explainForbidden() {
	if unix.Access(r.script, unix.R_OK) != unix.EACCES {
		return // it is the script's own answer
	}
	a := cgi.Resolution{Outcome: cgi.NotPermitted, Script: r.script}.Answer()
	r.s.say(a.Level, "%s", a.Stderr)
	if r.messages.said {
		r.Stderr([]byte("; "))
	}
	r.Stderr([]byte(a.Stderr))
}

// brokenOff ends the connection of a request that gets no answer any more, as
// php-fpm's worker does when it is made to end.
func (r *request) brokenOff() {
	r.logged = true // php-fpm writes no access log for it
	r.cutOff()
}
