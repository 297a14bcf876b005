package fcgi

import "strconv"

// A Reason names the rule of the protocol that a peer broke.
type Reason uint8

// The reasons of a [ProtocolError].
const (
	// ReasonVersion: a record's version is not 1.
	ReasonVersion Reason = iota + 1
	// ReasonNullRequest: a record that belongs to a request has request id 0,
	// which is the connection's own.
	ReasonNullRequest
	// ReasonBodyLength: the body of BEGIN_REQUEST, END_REQUEST or UNKNOWN_TYPE
	// is not exactly eight bytes long.
	ReasonBodyLength
	// ReasonPair: a name-value pair claims to be longer than what is there.
	ReasonPair
	// ReasonBusyRequest: BEGIN_REQUEST names a request that is still open.
	ReasonBusyRequest
	// ReasonBreak: a record's version is 0, by which the peer says that what it
	// has begun will not be completed (see [AppendBreak]).
	ReasonBreak
)

// String describes the reason in a few words.
func (r Reason) String() string {
	switch r {
	case ReasonVersion:
		return "unknown protocol version"
	case ReasonNullRequest:
		return "request id 0 in a record of a request"
	case ReasonBodyLength:
		return "body is not eight bytes long"
	case ReasonPair:
		return "name-value pair is longer than its stream"
	case ReasonBusyRequest:
		return "request id is in use"
	case ReasonBreak:
		return "version 0, by which the peer breaks off"
	default:
		return "reason " + strconv.Itoa(int(r))
	}
}

// A ProtocolError reports bytes that are not FastCGI. There is no way to find
// the next record after one: the connection is lost.
type ProtocolError struct {
	Reason Reason
	// Type and RequestID are those of the record, as far as its header was
	// understood. They are zero for ReasonVersion, ReasonPair
	// and ReasonBreak.
	Type      RecordType
	RequestID uint16
}

// Error names the rule, and the record that broke it where it is known.
func (e *ProtocolError) Error() string {
	if e.Type == 0 {
		return "fcgi: " + e.Reason.String()
	}
	return "fcgi: " + e.Reason.String() + " (" + e.Type.String() + " of request " + strconv.Itoa(int(e.RequestID)) + ")"
}
