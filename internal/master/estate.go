package master

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/internal/config"
	"github.com/anyfpm/anyfpm/internal/control"
	"github.com/anyfpm/anyfpm/internal/listen"
	"github.com/anyfpm/anyfpm/internal/logfile"
	"github.com/anyfpm/anyfpm/status"
)

const (
	// estateVariable tells a program on which descriptor it finds the estate
	// of the one that it replaces in the same process.
	estateVariable = "ANYFPM_ESTATE"
	// returnedVariable tells the old program, executed again, why the new one
	// has given back its estate.
	returnedVariable = "ANYFPM_RETURNED"

	// estateVersion grows when the estate changes its meaning.
	estateVersion = 1
	// maxEstate bounds what is read of one.
	maxEstate = 1 << 30
)

// An Estate is all that a master leaves to the program that this process
// executes next: the next version of anyfpm, or the one before if that failed.
// What is in it as a number is a descriptor that stays open.
type Estate struct {
	Version int    `json:"version"`
	Program string `json:"program"` // the version that has left it, for people
	File    string `json:"file"`    // of the program, and of new versions
	// Returned is why a new program gives back what it got; empty for one that
	// is to take over.
	Returned string `json:"returned,omitempty"`
	// Image is the program that has left it, to be executed again if the next
	// one fails; -1 if there is none to go back to.
	Image  int `json:"image"`
	Stderr int `json:"stderr"` // as it was at the start

	Daemon  bool             `json:"daemon"`
	Path    string           `json:"path"` // of the configuration in use
	Global  config.Global    `json:"global"`
	Pools   []estatePool     `json:"pools"`
	Sockets []listen.Handed  `json:"sockets"`
	Born    []int            `json:"born"`
	Jobs    []int            `json:"jobs,omitempty"`
	History status.Service   `json:"history"`
	LastID  uint64           `json:"last_id"`
	Waiters []int            `json:"waiters"` // for the reload under way
	Again   *estateReloading `json:"again,omitempty"`
}

// An estateReloading is a reload asked for while another is under way.
type estateReloading struct {
	Only    string `json:"only"`
	Waiters []int  `json:"waiters"`
}

type estatePool struct {
	Config      config.Pool        `json:"config"`
	Doors       []estateDoor       `json:"doors"`
	State       string             `json:"state"`
	Generation  int                `json:"generation"`
	Since       time.Time          `json:"since"`
	Deaths      int                `json:"deaths"`
	Backoff     time.Duration      `json:"backoff"` // that is left
	Failure     string             `json:"failure,omitempty"`
	Unreachable uint64             `json:"unreachable"`
	Current     *estateSupervisor  `json:"current,omitempty"`
	Leaving     []estateSupervisor `json:"leaving,omitempty"`
}

type estateDoor struct {
	Name string `json:"name"`
	Key  string `json:"key"` // of the socket
}

type estateSupervisor struct {
	PID        int           `json:"pid"`
	Conn       int           `json:"conn"`
	Protocol   int           `json:"protocol"`
	Config     config.Pool   `json:"config"`
	Doors      []estateDoor  `json:"doors"`
	Generation int           `json:"generation"`
	State      string        `json:"state"`
	Failure    string        `json:"failure,omitempty"`
	Announced  bool          `json:"announced"`
	Handing    bool          `json:"handing"`
	Age        time.Duration `json:"age"`
	Left       time.Duration `json:"left"` // until the next step of ending it; 0 for none
	Granted    int           `json:"granted"`
	Workers    int           `json:"workers"`
	Wanted     int           `json:"wanted"`
	INI        string        `json:"ini,omitempty"`
	INIPath    string        `json:"ini_path,omitempty"`
}

// newEstate describes the service as it is. Descriptors that have to be made
// for it are not in it yet; see [Estate.collect].
func (m *Master) newEstate(returned string) *Estate {
	e := &Estate{
		Version: estateVersion, Program: m.opts.Version, File: m.opts.Program.Path, Returned: returned, Image: -1, Stderr: m.errors.stderr,
		Daemon: m.opts.Daemon, Path: m.cfg.Path, Global: m.cfg.Global,
		Sockets: m.table.Hand(), History: m.history, LastID: m.snapshots.lastID,
	}
	for pid := range m.born {
		e.Born = append(e.Born, pid)
	}
	e.Jobs = m.jobs.list()
	for _, p := range m.allPools() {
		e.Pools = append(e.Pools, m.estateOf(p))
	}
	return e
}

func (m *Master) estateOf(p *pool) estatePool {
	e := estatePool{
		Config: *p.cfg, Doors: estateDoors(p.doors), State: p.state.String(), Generation: p.generation, Since: p.since,
		Deaths: p.deaths, Failure: p.failure, Unreachable: p.unreachable,
	}
	if at, set := m.loop.Due(p.timer); set {
		e.Backoff = max(at-m.loop.Now(), 0)
	}
	if p.current != nil {
		s := m.estateOfSupervisor(p.current)
		e.Current = &s
	}
	for s := range p.leaving {
		e.Leaving = append(e.Leaving, m.estateOfSupervisor(s))
	}
	return e
}

func (m *Master) estateOfSupervisor(s *supervisor) estateSupervisor {
	e := estateSupervisor{
		Conn: -1, Protocol: s.protocol, Config: *s.cfg, Doors: estateDoors(s.doors), Generation: s.generation,
		State: s.state.String(), Failure: s.failure, Announced: s.announced, Handing: s.handing,
		Age: m.loop.Now() - s.began, Granted: s.share.granted, Workers: s.share.workers, Wanted: s.share.wanted,
		INI: s.ini.Whole(), INIPath: s.ini.Path(),
	}
	if s.link != nil {
		e.PID = s.pid
	}
	if at, set := m.loop.Due(s.timer); set {
		e.Left = max(at-m.loop.Now(), time.Millisecond)
	}
	return e
}

func estateDoors(doors []door) []estateDoor {
	var list []estateDoor
	for _, d := range doors {
		list = append(list, estateDoor{d.name, d.socket.Key})
	}
	return list
}

// check tells why this program cannot take over what another has left.
func (e *Estate) check() error {
	if e.Version != estateVersion {
		return fmt.Errorf("the program that runs (%s) leaves version %d of its state, this one (which needs a restart) takes over version %d", e.Program, e.Version, estateVersion)
	}
	for s := range e.supervisors() {
		if !control.Speaks(s.Protocol) {
			return fmt.Errorf("the supervisors that run (%s) speak version %d of the control protocol, this program (which needs a restart) version %d", e.Program, s.Protocol, control.Protocol)
		}
	}
	return nil
}

// supervisors are all supervisors of the estate.
func (e *Estate) supervisors() func(yield func(*estateSupervisor) bool) {
	return func(yield func(*estateSupervisor) bool) {
		for i := range e.Pools {
			p := &e.Pools[i]
			if p.Current != nil && !yield(p.Current) {
				return
			}
			for j := range p.Leaving {
				if !yield(&p.Leaving[j]) {
					return
				}
			}
		}
	}
}

// descriptors are all that the estate names.
func (e *Estate) descriptors() []int {
	fds := append([]int{e.Image, e.Stderr}, e.Waiters...)
	if e.Again != nil {
		fds = append(fds, e.Again.Waiters...)
	}
	for _, s := range e.Sockets {
		fds = append(fds, s.FD)
	}
	for s := range e.supervisors() {
		fds = append(fds, s.Conn)
	}
	return slices.DeleteFunc(fds, func(fd int) bool { return fd < 0 })
}

// write puts the estate into a file without a name, for [readEstate].
func (e *Estate) write() (fd int, err error) {
	text, err := json.Marshal(e)
	if err != nil {
		return -1, fmt.Errorf("cannot write down the state of the service: %w", err)
	}
	if fd, err = unix.MemfdCreate("anyfpm", unix.MFD_CLOEXEC); err != nil {
		return -1, fmt.Errorf("cannot write down the state of the service: %w", err)
	}
	for len(text) > 0 {
		n, err := unix.Write(fd, text)
		if err != nil {
			_ = unix.Close(fd)
			return -1, fmt.Errorf("cannot write down the state of the service: %w", err)
		}
		text = text[n:]
	}
	return fd, nil
}

// readEstate reads what write has written, from the beginning. The descriptor
// stays open.
func readEstate(fd int) (*Estate, error) {
	var e Estate
	file := io.NewSectionReader(memfd(fd), 0, maxEstate)
	if err := json.NewDecoder(file).Decode(&e); err != nil {
		return nil, fmt.Errorf("cannot read the state of the service: %w", err)
	}
	return &e, nil
}

// A memfd is a descriptor as an io.ReaderAt.
type memfd int

// ReadAt implements io.ReaderAt.
func (fd memfd) ReadAt(p []byte, off int64) (int, error) {
	n, err := unix.Pread(int(fd), p, off)
	switch {
	case err != nil:
		return 0, err
	case n < len(p):
		return n, io.EOF
	default:
		return n, nil
	}
}

// An Inheritance is an estate as the program that gets it finds it.
type Inheritance struct {
	estate *Estate
	fd     int // of the estate
	// signals are those that came while it was taken over.
	signals chan os.Signal
}

// Inherit looks for an estate: a program that finds one does not start a
// service but goes on with it. It returns the environment without the sign of
// that, and nil if there is none. One that cannot be used is given back to the
// program that has left it, as far as that can be done.
func Inherit(args, environ []string) (*Inheritance, []string, error) {
	value, returned := "", ""
	rest := slices.DeleteFunc(slices.Clone(environ), func(entry string) bool {
		name, content, _ := strings.Cut(entry, "=")
		switch name {
		case estateVariable:
			value = content
		case returnedVariable:
			returned = content
		default:
			return false
		}
		return true
	})
	if value == "" {
		return nil, rest, nil
	}
	fd, err := strconv.Atoi(value)
	if err != nil || fd <= unix.Stderr {
		return nil, rest, fmt.Errorf("cannot take over a service: %s=%s", estateVariable, value)
	}
	signals := newSignals()
	notifyDeadly(signals)
	unix.CloseOnExec(fd)
	e, err := readEstate(fd)
	if err != nil {
		return nil, rest, err
	}
	if returned != "" {
		e.Returned, e.Image = returned, -1
	}
	i := &Inheritance{estate: e, fd: fd, signals: signals}
	if err := e.check(); err != nil {
		return nil, rest, i.giveBack(args, rest, err)
	}
	return i, rest, nil
}

// Program is where a new version of the program will be found.
func (i *Inheritance) Program() string { return i.estate.File }

// Daemon tells whether the service is one in the background.
func (i *Inheritance) Daemon() bool { return i.estate.Daemon }

// giveBack executes the program that has left the estate, as it was found. It
// returns only if there is none.
func (i *Inheritance) giveBack(args, environ []string, reason error) error {
	if i.estate.Image < 0 {
		return reason
	}
	for _, fd := range append(i.estate.descriptors(), i.fd) {
		_, _ = unix.FcntlInt(uintptr(fd), unix.F_SETFD, 0)
	}
	environ = append(slices.Clip(environ), estateVariable+"="+strconv.Itoa(i.fd), returnedVariable+"="+logfile.ErrorText(reason))
	return errors.Join(reason, unix.Exec(imagePath(i.estate.Image), args, environ))
}

// imagePath is how to execute a program by its descriptor.
func imagePath(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }

// openImage opens the program that runs.
func openImage() (int, error) {
	fd, err := unix.Open("/proc/self/exe", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("cannot keep the program that runs: %w", err)
	}
	return fd, nil
}
