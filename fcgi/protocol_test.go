package fcgi

import (
	"fmt"
	"testing"
)

// TestNames pins the words that appear in messages and in FCGI_ROLE.
func TestNames(t *testing.T) {
	for _, c := range []struct {
		v    fmt.Stringer
		want string
	}{
		{TypeBeginRequest, "BEGIN_REQUEST"}, {TypeGetValuesResult, "GET_VALUES_RESULT"}, {RecordType(12), "type 12"},
		{RoleResponder, "RESPONDER"}, {RoleAuthorizer, "AUTHORIZER"}, {RoleFilter, "FILTER"}, {Role(9), "role 9"},
		{StatusRequestComplete, "REQUEST_COMPLETE"}, {StatusCantMultiplex, "CANT_MPX_CONN"},
		{StatusOverloaded, "OVERLOADED"}, {StatusUnknownRole, "UNKNOWN_ROLE"}, {ProtocolStatus(8), "status 8"},
		{EventNone, "none"}, {EventUnknownRecord, "unknown-record"}, {EventKind(99), "event 99"},
		{ReasonPair, "name-value pair is longer than its stream"}, {Reason(99), "reason 99"},
	} {
		if got := c.v.String(); got != c.want {
			t.Errorf("%T: got %q, want %q", c.v, got, c.want)
		}
	}
}
