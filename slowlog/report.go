package slowlog

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/anyfpm/anyfpm/slowlog/stack"
)

// A Report is what was found out about a process at one moment. Its text
// fields hold printable characters only.
type Report struct {
	PID  int           `json:"pid"`
	At   time.Time     `json:"at"`
	Took time.Duration `json:"-"`
	// Stacks are of the process itself, or, with their PID set, of a
	// descendant that runs an interpreter.
	Stacks []Stack `json:"stacks"`
	// Wait is what the process's main thread is doing, or of a Go program,
	// whose goroutines run on any thread, the first one that waits for
	// something that can be told.
	Wait Wait `json:"wait"`
	// Children are the descendants, each after its parent.
	Children []Child `json:"children,omitempty"`
	// Notes say what could not be found out, and why.
	Notes []string `json:"notes,omitempty"`
	// Advice is the note that whoever runs the service should be told once: a
	// permission that is missing, an interpreter that is not known. It does
	// not depend on the moment.
	Advice string `json:"-"`
}

// advise adds a note that is also advice.
func (r *Report) advise(note string) {
	r.Notes = append(r.Notes, note)
	r.Advice = note
}

// A Frame is one call in progress.
type Frame = stack.Frame

// A Stack is what one thread was doing.
type Stack struct {
	stack.Stack
	// PID is the descendant the stack is of, 0 for the process itself.
	PID int `json:"pid,omitempty"`
	// Wait is what the thread is doing, where that is another thread than the
	// one that Report.Wait is about.
	Wait *Wait `json:"wait,omitempty"`
}

// A Child is a descendant of the process.
type Child struct {
	PID     int    `json:"pid"`
	Parent  int    `json:"ppid"`
	Command string `json:"command"`
	Wait    Wait   `json:"wait"`
}

// A Wait is what a thread is doing as the kernel sees it.
type Wait struct {
	// State is R (running), S (sleeping), D (in uninterruptible sleep, as for
	// a disk), T (stopped), Z (ended), or empty when the process is gone.
	State string `json:"state,omitempty"`
	// Call is the system call it is in, empty when it is in none or it may
	// not be known.
	Call string `json:"call,omitempty"`
	// Descriptors are what the call is about.
	Descriptors []Descriptor `json:"descriptors,omitempty"`
	// Process is the child a wait is for, if it is for a certain one.
	Process int `json:"process,omitempty"`
	// Path is the file the call is about.
	Path string `json:"path,omitempty"`
	// Channel is the kernel function the thread sleeps in.
	Channel string `json:"channel,omitempty"`
}

// told reports whether it is known what the wait is for.
func (w Wait) told() bool {
	return len(w.Descriptors) > 0 || w.Process != 0 || w.Path != ""
}

// A Descriptor is an open file of a process.
type Descriptor struct {
	FD int `json:"fd"`
	// Target is what is behind it: a path, a pipe, the addresses of a socket.
	Target string `json:"target,omitempty"`
}

// String is a line for people, such as
// "recvfrom(5 tcp 127.0.0.1:4711 -> 127.0.0.1:5432)".
func (w Wait) String() string {
	if w.Call == "" {
		return stateName(w.State, w.Channel)
	}
	var args []string
	for _, d := range w.Descriptors {
		args = append(args, strings.TrimRight(strconv.Itoa(d.FD)+" "+d.Target, " "))
	}
	if w.Process != 0 {
		args = append(args, fmt.Sprintf("process %d", w.Process))
	}
	if w.Path != "" {
		args = append(args, w.Path)
	}
	s := w.Call + "(" + strings.Join(args, ", ") + ")"
	if w.State == "D" && w.Channel != "" {
		s += " in " + w.Channel
	}
	return s
}

func stateName(state, channel string) string {
	name := map[string]string{
		"R": "running", "S": "sleeping", "D": "in uninterruptible sleep", "T": "stopped",
		"t": "stopped by a debugger", "Z": "ended, not yet waited for", "I": "idle", "": "gone",
	}[state]
	if name == "" {
		name = "in state " + state
	}
	if channel != "" {
		name += " in " + channel
	}
	return name
}
