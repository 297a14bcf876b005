package resident

import (
	"encoding/binary"
	"strconv"
	"strings"
)

// Version is the version of the protocol that this package speaks.
const Version = 1

// headLen is the length of a message's length and type.
const headLen = 5

// The types of the messages to a worker.
const (
	messageStart             = 'S'
	messageRequest           = 'R'
	messageRequestDescriptor = 'D'
	messageRequestBody       = 'B'
	messageFork              = 'F'
	messageCompile           = 'C'
)

// A Start holds the settings of a worker.
type Start struct {
	Pool string
	// Zygote makes the worker fork others instead of serving requests.
	Zygote bool
	// Once makes it, or each worker that it forks, serve one request and end.
	Once bool
	// Preload are the modules to load before it is ready.
	Preload []string
	// Application is what to serve, such as module:callable; empty for a
	// worker that runs scripts.
	Application string
	// Path are directories in which to look for modules first.
	Path []string
}

// AppendStart appends START. It may be sent as soon as the worker's process
// exists; the answer is HELLO.
func AppendStart(dst []byte, s *Start) []byte {
	role, isolation := "worker", "persistent"
	if s.Zygote {
		role = "zygote"
	}
	if s.Once {
		isolation = "fork"
	}
	start := len(dst)
	dst = openMessage(dst, messageStart)
	dst = appendString(dst, strconv.Itoa(Version))
	for _, setting := range [...][2]string{
		{"pool", s.Pool},
		{"role", role},
		{"isolation", isolation},
		{"preload", strings.Join(s.Preload, "\n")},
		{"application", s.Application},
		{"path", strings.Join(s.Path, "\n")},
	} {
		dst = appendString(dst, setting[0])
		dst = appendString(dst, setting[1])
	}
	return closeMessage(dst, start)
}

// AppendFork appends FORK, for a zygote. Three descriptors go with its first
// byte (SCM_RIGHTS): the child's control socket, its stdout and its stderr.
// The answer is CHILD.
func AppendFork(dst []byte) []byte {
	start := len(dst)
	return closeMessage(openMessage(dst, messageFork), start)
}

// AppendCompile appends COMPILE, which tells a zygote to have a script ready
// for the workers that it will fork. There is no answer.
func AppendCompile(dst []byte, script string) []byte {
	start := len(dst)
	dst = appendString(openMessage(dst, messageCompile), script)
	return closeMessage(dst, start)
}

// openMessage appends the head of a message whose length closeMessage fills in.
func openMessage(dst []byte, kind byte) []byte {
	return append(dst, 0, 0, 0, 0, kind)
}

// closeMessage completes the message that begins at dst[start].
func closeMessage(dst []byte, start int) []byte {
	binary.BigEndian.PutUint32(dst[start:], uint32(len(dst)-start-4))
	return dst
}

func appendString(dst []byte, s string) []byte {
	return append(append(dst, s...), 0)
}
