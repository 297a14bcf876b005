package fcgi

import "strconv"

// An EventKind says what a [Decoder] found.
type EventKind uint8

// The kinds of events.
const (
	// EventNone: the input is used up, feed more.
	EventNone EventKind = iota
	// EventBegin: BEGIN_REQUEST, see Event.Begin.
	EventBegin
	// EventAbort: ABORT_REQUEST.
	EventAbort
	// EventEndRequest: END_REQUEST, see Event.End.
	EventEndRequest
	// EventData: a piece of a PARAMS, STDIN, STDOUT, STDERR, DATA, GET_VALUES
	// or GET_VALUES_RESULT record. Pieces are cut where the input was cut.
	EventData
	// EventEnd: one of those records without content, which ends the stream
	// of its type. For GET_VALUES and GET_VALUES_RESULT, which are not
	// streams, it is simply an empty record.
	EventEnd
	// EventUnknownType: UNKNOWN_TYPE, see Event.Unknown.
	EventUnknownType
	// EventUnknownRecord: a record of a type that FastCGI 1.0 does not have.
	// Its content is skipped. The answer is AppendUnknownType(dst, ev.Type).
	EventUnknownRecord
)

// String names the kind for messages and tests.
func (k EventKind) String() string {
	switch k {
	case EventNone:
		return "none"
	case EventBegin:
		return "begin"
	case EventAbort:
		return "abort"
	case EventEndRequest:
		return "end-request"
	case EventData:
		return "data"
	case EventEnd:
		return "end"
	case EventUnknownType:
		return "unknown-type"
	case EventUnknownRecord:
		return "unknown-record"
	default:
		return "event " + strconv.Itoa(int(k))
	}
}

// An Event is what one step of a [Decoder] found.
type Event struct {
	Kind EventKind
	// Type and RequestID are those of the record.
	Type      RecordType
	RequestID uint16
	// Final, with EventData, marks the last piece of its record.
	Final bool
	// Data, with EventData, is never empty. It aliases the decoder's input.
	Data []byte

	Begin   BeginRequest // with EventBegin
	End     EndRequest   // with EventEndRequest
	Unknown RecordType   // with EventUnknownType: the type the peer did not know
}

// A BeginRequest is the body of BEGIN_REQUEST.
type BeginRequest struct {
	Role  Role
	Flags uint8
}

// KeepConn reports whether the connection is to stay open after the request.
func (b BeginRequest) KeepConn() bool { return b.Flags&FlagKeepConn != 0 }

// An EndRequest is the body of END_REQUEST.
type EndRequest struct {
	// AppStatus is the application's exit status, as for a CGI program.
	AppStatus uint32
	Status    ProtocolStatus
}
