package config

import (
	"fmt"
	"strings"
)

// A Level is the importance of a Fault or Notice, in php-fpm's words.
type Level string

// The levels.
const (
	NoticeLevel  Level = "NOTICE"
	WarningLevel Level = "WARNING"
	ErrorLevel   Level = "ERROR"
	AlertLevel   Level = "ALERT"
)

// A Fault is something that makes a configuration unusable.
type Fault struct {
	// File and Line are where the fault is. Line is 0 when nothing in a file is
	// to blame, as for a missing file.
	File string
	Line int
	// Pool names the pool whose section is to blame; empty for the global one.
	Pool  string
	Level Level // ErrorLevel or AlertLevel
	// Text is the message as it is logged. It begins with php-fpm's text
	// wherever php-fpm knows the fault; a hint may follow.
	Text string

	terse bool // String leaves the place out
}

// String is the fault in one line: its level, its text and, unless the text
// begins with it, its place. Under Options.PHP the place is left out, for what
// watches php-fpm's log matches whole lines.
func (f Fault) String() string {
	at := f.at()
	if f.terse || at == "" || strings.HasPrefix(f.Text, "["+at+"]") {
		return fmt.Sprintf("%s: %s", f.Level, f.Text)
	}
	return fmt.Sprintf("%s: %s (%s)", f.Level, f.Text, at)
}

func (f Fault) at() string {
	if f.File == "" || f.Line == 0 {
		return ""
	}
	return fmt.Sprintf("%s:%d", f.File, f.Line)
}

// A Notice is a remark about a configuration that is usable.
type Notice struct {
	File  string
	Line  int
	Pool  string
	Level Level // NoticeLevel or WarningLevel
	Text  string
}

// A stage is how far php-fpm would have come before it met a fault.
type stage int

const (
	loading    stage = iota // reading the files
	processing              // validation
	resolving               // users and groups
	starting                // before any file is opened
)

// Errors are all the faults of a configuration. The first is the one php-fpm
// would stop at.
type Errors struct {
	Faults []Fault

	path  string
	stage stage // of the first fault
}

// Error lists the faults, one a line.
func (e *Errors) Error() string {
	lines := make([]string, len(e.Faults))
	for i, f := range e.Faults {
		lines[i] = f.String()
	}
	return strings.Join(lines, "\n")
}

// Trailer is the line (of ErrorLevel) that php-fpm logs after the faults and
// before "FPM initialization failed". It is empty when there is none.
func (e *Errors) Trailer() string {
	switch e.stage {
	case loading:
		return fmt.Sprintf("failed to load configuration file '%s'", e.path)
	case processing:
		return "failed to post process the configuration"
	default:
		return ""
	}
}
