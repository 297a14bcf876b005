package resident

import "fmt"

// The types of the frames from a worker.
const (
	frameHello  = 'H'
	frameEnd    = 'E'
	frameFinish = 'F'
	frameChild  = 'P'
	frameExited = 'X'
)

// Lengths of a frame's content.
const (
	endingLen  = 2 // END and FINISH without their tail
	childLen   = 4
	exitedLen  = 8
	maxHello   = 256
	maxContent = 1 << 20
)

// Flags say what END and FINISH mean beyond their words.
type Flags uint8

const (
	// Retire says that the worker takes no further request. It may be ending
	// already.
	Retire Flags = 1 << iota
	// Failed says that an uncaught exception ended the request. If the
	// response has no header, it is a 500.
	Failed
	// Compiled says that the worker had to compile the script. A zygote that
	// is told of it (COMPILE) spares the workers that it forks later.
	Compiled
	// DrainStdout says that the worker's stdout may hold a part of the
	// response. It is read until it is empty before the tail is passed on.
	DrainStdout
	// DrainStderr says the same of stderr.
	DrainStderr
)

// An EventKind says what an [Event] is.
type EventKind uint8

const (
	// EventNone means that all input is used and more is needed.
	EventNone EventKind = iota
	// EventHello is a worker that is ready. Data is for [ParseHello].
	EventHello
	// EventFinish is a response that is complete with the tail that follows;
	// the worker still works on the request. Flags and Tail are set.
	EventFinish
	// EventEnd is the end of a request, and with the tail that follows of its
	// response. Flags, Status and Tail are set.
	EventEnd
	// EventTail is a piece of the tail of the preceding EventFinish or EventEnd.
	EventTail
	// EventChild is a zygote's answer to the oldest FORK that has none. PID is
	// set; it is 0 when the fork failed.
	EventChild
	// EventExited is the end of a zygote's child. PID and WaitStatus are set.
	EventExited
)

// An Event is what a worker says. Which fields are set is told at its kind.
type Event struct {
	Kind  EventKind
	Flags Flags
	// Status is the exit status that the script would have ended with.
	Status uint8
	// Tail is how many bytes of the response follow as EventTail.
	Tail int
	// Data is a part of the input of [Decoder.Next], or valid until its next
	// call.
	Data []byte
	// Final says that this is the last event of a frame: of EventFinish and
	// EventEnd only without a tail, and then of the last EventTail.
	Final      bool
	PID        int
	WaitStatus uint32 // as from wait(2)
}

// A ProtocolError says that what a worker sent on its control socket is not
// the protocol. Nothing that it sends afterwards can be understood.
type ProtocolError struct {
	Reason string
}

func (e *ProtocolError) Error() string {
	return "cannot understand worker: " + e.Reason
}

func protocolError(format string, args ...any) error {
	return &ProtocolError{Reason: fmt.Sprintf(format, args...)}
}
