package resident

import (
	"bytes"
	"encoding/binary"
	"strconv"
)

// A Stdin says what a request's standard input is.
type Stdin uint8

const (
	// NoStdin is an empty standard input.
	NoStdin Stdin = iota
	// DescriptorStdin is a pipe or a file; its descriptor goes with the first
	// byte of the message (SCM_RIGHTS).
	DescriptorStdin
	// InlineStdin is a body in the message itself, no longer than the
	// worker's [Hello.Inline] allows.
	InlineStdin
)

// A Request is what a worker is told of a request.
type Request struct {
	// Script is the file to run; empty for a worker that serves an
	// application. Like Args it holds no NUL.
	Script string
	Args   []string
	// Variables is the request's environment, each variable as NAME=value
	// and a NUL byte. An entry without '=' is left out.
	Variables []byte
	Stdin     Stdin
	// BodyLen is the length of an inline body.
	BodyLen int
}

// AppendRequest appends a REQUEST. If its Stdin is InlineStdin, r.BodyLen
// bytes of body must follow what is appended; they belong to the message.
func AppendRequest(dst []byte, r *Request) []byte {
	start := len(dst)
	switch r.Stdin {
	case DescriptorStdin:
		dst = openMessage(dst, messageRequestDescriptor)
	case InlineStdin:
		dst = openMessage(dst, messageRequestBody)
		dst = append(dst, 0, 0, 0, 0)
	default:
		dst = openMessage(dst, messageRequest)
	}
	text := len(dst)
	dst = appendString(dst, r.Script)
	dst = append(strconv.AppendInt(dst, int64(len(r.Args)), 10), 0)
	for _, arg := range r.Args {
		dst = appendString(dst, arg)
	}
	dst = appendVariables(dst, r.Variables)
	if r.Stdin != InlineStdin {
		return closeMessage(dst, start)
	}
	binary.BigEndian.PutUint32(dst[text-4:], uint32(len(dst)-text))
	binary.BigEndian.PutUint32(dst[start:], uint32(len(dst)-start-4+r.BodyLen))
	return dst
}

// appendVariables appends each NAME=value of block as two strings.
func appendVariables(dst, block []byte) []byte {
	for len(block) > 0 {
		entry := block
		if end := bytes.IndexByte(block, 0); end >= 0 {
			entry, block = block[:end], block[end+1:]
		} else {
			block = nil
		}
		equals := bytes.IndexByte(entry, '=')
		if equals < 0 {
			continue
		}
		at := len(dst) + equals
		dst = append(append(dst, entry...), 0)
		dst[at] = 0
	}
	return dst
}
