package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
)

// Load reads the configuration file at path with everything it includes, and
// validates it. The error, if any, is an *Errors with every fault of every
// file and pool. Notices are what php-fpm and anyfpm have to say about a
// usable configuration, in the order in which it is to be logged; they are
// returned beside an error too.
//
// The configuration returned together with an error is nil.
func Load(path string, opt Options) (*Config, []Notice, error) {
	l := newLoader(path, opt)
	l.checkPrefix()
	l.readFile(path)
	l.process()
	l.resolve()
	if len(l.faults) > 0 {
		return nil, l.notices, &Errors{Faults: l.faults, path: path, stage: l.stage}
	}
	return l.config, l.notices, nil
}

// A loader holds what is known of a configuration while it is read.
type loader struct {
	opt    Options
	config *Config

	current *Pool // nil in the global section
	began   place // where the current section was entered
	depth   int   // of includes
	looped  bool  // includes were nested too deep: none is followed any more

	stage   stage
	now     stage // of the work in progress
	faults  []Fault
	notices []Notice
	// spoilt are the directives that have a fault already, which spares them
	// any that follow from it; by section, nil being the global one.
	spoilt map[*Pool]map[string]bool
	// unsure are the sections in which a line could not be understood, so that
	// a missing directive may be there.
	unsure map[*Pool]bool
}

func newLoader(path string, opt Options) *loader {
	l := &loader{
		opt:    opt.withDefaults(),
		config: &Config{Path: path},
		spoilt: map[*Pool]map[string]bool{},
		unsure: map[*Pool]bool{},
	}
	global := section{global: &l.config.Global}
	global.setDefaults()
	l.config.Global.PID = opt.PID
	l.config.Global.ProcessControlTimeout = -1
	return l
}

// fault records a fault; the one found first decides the stage.
func (l *loader) fault(at place, level Level, pool *Pool, text string) {
	f := Fault{File: at.file, Line: at.line, Level: level, Text: text, terse: l.opt.PHP}
	if pool != nil {
		f.Pool = pool.Name
	}
	if slices.Contains(l.faults, f) {
		return // a file that is included twice
	}
	if len(l.faults) == 0 {
		l.stage = l.now
	}
	l.faults = append(l.faults, f)
}

func (l *loader) notice(at place, level Level, pool *Pool, text string) {
	n := Notice{File: at.file, Line: at.line, Level: level, Text: text}
	if pool != nil {
		n.Pool = pool.Name
	}
	l.notices = append(l.notices, n)
}

// spoil marks a directive of a section as faulty.
func (l *loader) spoil(pool *Pool, name string) {
	if l.spoilt[pool] == nil {
		l.spoilt[pool] = map[string]bool{}
	}
	l.spoilt[pool][name] = true
}

// errno puts a system error as php-fpm does: "No such file or directory (2)".
func errno(err error) string {
	var n syscall.Errno
	if !errors.As(err, &n) {
		return err.Error()
	}
	text := n.Error()
	return fmt.Sprintf("%s%s (%d)", strings.ToUpper(text[:1]), text[1:], int(n))
}
