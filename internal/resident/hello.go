package resident

import (
	"bytes"
	"math"
	"strconv"
)

// InlineAll is the [Hello.Inline] of a worker that takes bodies of any length
// inline and no descriptors.
const InlineAll = math.MaxUint32

// A Hello is what a worker says of itself when it is ready.
type Hello struct {
	Runtime            string // such as python
	InterpreterVersion string
	PID                int // as the worker sees it
	// Inline is the longest request body that the worker takes in a message;
	// a longer one comes as a descriptor.
	Inline uint32
}

// ParseHello parses the Data of an EventHello. The error is a
// [*ProtocolError], also for a version of the protocol that is not [Version].
func ParseHello(data []byte) (Hello, error) {
	fields := bytes.Split(data, []byte{0})
	if len(fields) < 2 {
		return Hello{}, protocolError("HELLO is empty")
	}
	if version := string(fields[0]); version != strconv.Itoa(Version) {
		return Hello{}, protocolError("it speaks version %.20q of the protocol, not %d", version, Version)
	}
	if len(fields) < 6 { // the strings that version 1 has, and what follows the last NUL
		return Hello{}, protocolError("HELLO has %d strings, not 5", len(fields)-1)
	}
	pid, err := strconv.ParseUint(string(fields[3]), 10, 31)
	if err != nil {
		return Hello{}, protocolError("HELLO has the pid %.20q", fields[3])
	}
	inline, err := strconv.ParseUint(string(fields[4]), 10, 32)
	if err != nil {
		return Hello{}, protocolError("HELLO has the body length %.20q", fields[4])
	}
	return Hello{
		Runtime:            string(fields[1]),
		InterpreterVersion: string(fields[2]),
		PID:                int(pid),
		Inline:             uint32(inline),
	}, nil
}
