// Package stack holds the words the samplers share: frames and stacks, and
// what a runtime is to package slowlog.
package stack

// A Frame is one call in progress.
type Frame struct {
	// Func is the function as its language names it, without parentheses and
	// arguments: Repo.find, Repo::find, block in find. Empty when unknown.
	Func string `json:"func"`
	// Bare is Func without the class it belongs to, where the two are known
	// apart.
	Bare string `json:"-"`
	// File and Line are where the frame is, not where it was called from. A
	// function that is part of the interpreter has its caller's.
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
	// Module is the object a native frame is in.
	Module string `json:"module,omitempty"`
	// Addr identifies the frame: the address of the interpreter's record of
	// it, or of the instruction for a native one.
	Addr uint64 `json:"-"`
	// Kind says what the frame is when it is not a function.
	Kind Kind `json:"-"`
}

// A Kind tells frames apart that are not plain functions.
type Kind uint8

// The kinds of frames.
const (
	Function Kind = iota
	Main          // the outermost code of a script
	Include       // code of an included or evaluated file
	Builtin       // a function of the interpreter, without lines of its own
)

// A Stack is what one thread was doing, innermost frame first.
type Stack struct {
	// Runtime is the language and its version.
	Runtime string `json:"runtime"`
	// TID is the thread, 0 for the only one a runtime has.
	TID int `json:"tid,omitempty"`
	// Note is what else is known of the thread or of the sample.
	Note   string  `json:"note,omitempty"`
	Frames []Frame `json:"frames"`
	// Truncated says that there were more frames than asked for.
	Truncated bool `json:"truncated,omitempty"`
}

// Limits bound what a sampler returns.
type Limits struct {
	Frames  int // of a stack
	Threads int
}
