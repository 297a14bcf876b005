package fcgi

import "strconv"

// Sizes and the version of the protocol.
const (
	// Version1 is the only version of FastCGI there is.
	Version1 = 1
	// HeaderLen is the length of the header that starts every record. The
	// bodies of BEGIN_REQUEST, END_REQUEST and UNKNOWN_TYPE have the same length.
	HeaderLen = 8
	// MaxContent is the largest content of one record.
	MaxContent = 65535

	// maxAligned is the largest content that needs no padding.
	maxAligned = MaxContent &^ 7
	// versionBreak is no version: see [AppendBreak].
	versionBreak = 0
)

// A RecordType says what a record carries.
type RecordType uint8

// The record types of FastCGI 1.0.
const (
	TypeBeginRequest    RecordType = 1
	TypeAbortRequest    RecordType = 2
	TypeEndRequest      RecordType = 3
	TypeParams          RecordType = 4
	TypeStdin           RecordType = 5
	TypeStdout          RecordType = 6
	TypeStderr          RecordType = 7
	TypeData            RecordType = 8
	TypeGetValues       RecordType = 9
	TypeGetValuesResult RecordType = 10
	TypeUnknownType     RecordType = 11
)

// String returns the specification's name without its FCGI_ prefix.
func (t RecordType) String() string {
	switch t {
	case TypeBeginRequest:
		return "BEGIN_REQUEST"
	case TypeAbortRequest:
		return "ABORT_REQUEST"
	case TypeEndRequest:
		return "END_REQUEST"
	case TypeParams:
		return "PARAMS"
	case TypeStdin:
		return "STDIN"
	case TypeStdout:
		return "STDOUT"
	case TypeStderr:
		return "STDERR"
	case TypeData:
		return "DATA"
	case TypeGetValues:
		return "GET_VALUES"
	case TypeGetValuesResult:
		return "GET_VALUES_RESULT"
	case TypeUnknownType:
		return "UNKNOWN_TYPE"
	default:
		return "type " + strconv.Itoa(int(t))
	}
}

// A Role is what the web server wants of an application.
type Role uint16

// The roles of FastCGI 1.0.
const (
	RoleResponder  Role = 1
	RoleAuthorizer Role = 2
	RoleFilter     Role = 3
)

// String returns the role as libfcgi and PHP put it into FCGI_ROLE.
func (r Role) String() string {
	switch r {
	case RoleResponder:
		return "RESPONDER"
	case RoleAuthorizer:
		return "AUTHORIZER"
	case RoleFilter:
		return "FILTER"
	default:
		return "role " + strconv.Itoa(int(r))
	}
}

// A ProtocolStatus says how a request ended for the protocol. What it meant to
// the application is in the appStatus beside it.
type ProtocolStatus uint8

// The protocol statuses of FastCGI 1.0.
const (
	StatusRequestComplete ProtocolStatus = 0
	StatusCantMultiplex   ProtocolStatus = 1
	StatusOverloaded      ProtocolStatus = 2
	StatusUnknownRole     ProtocolStatus = 3
)

// String returns the specification's name without its FCGI_ prefix.
func (s ProtocolStatus) String() string {
	switch s {
	case StatusRequestComplete:
		return "REQUEST_COMPLETE"
	case StatusCantMultiplex:
		return "CANT_MPX_CONN"
	case StatusOverloaded:
		return "OVERLOADED"
	case StatusUnknownRole:
		return "UNKNOWN_ROLE"
	default:
		return "status " + strconv.Itoa(int(s))
	}
}

// FlagKeepConn in the flags of BEGIN_REQUEST asks the application to leave the
// connection open after the request.
const FlagKeepConn uint8 = 1
