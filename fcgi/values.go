package fcgi

import "strconv"

// The variables that a web server may ask for with GET_VALUES.
const (
	MaxConnsName  = "FCGI_MAX_CONNS"
	MaxReqsName   = "FCGI_MAX_REQS"
	MpxsConnsName = "FCGI_MPXS_CONNS"
)

// Values are what an application says of itself in GET_VALUES_RESULT.
type Values struct {
	// MaxConns is how many connections it accepts at once; 0 is unsaid.
	MaxConns int
	// MaxReqs is how many requests it accepts at once; 0 is unsaid.
	MaxReqs int
	// MpxsConns says that several requests may share a connection.
	MpxsConns bool
}

// AppendGetValues appends GET_VALUES, asking for the variables of [Values].
func AppendGetValues(dst []byte) []byte {
	var query [64]byte
	q := AppendPair(query[:0], MaxConnsName, "")
	q = AppendPair(q, MaxReqsName, "")
	q = AppendPair(q, MpxsConnsName, "")
	return AppendRecord(dst, TypeGetValues, 0, q)
}

// AppendGetValuesResult appends the answer to GET_VALUES. query is the whole
// content of that record; a name in it that is not known, or not said, is
// left out, as the specification wants. A query whose lengths lie gives a
// *[ProtocolError], and dst as it was.
func AppendGetValuesResult(dst, query []byte, v Values) ([]byte, error) {
	var buf [96]byte
	result := buf[:0]
	var conns, reqs, mpxs bool // each is answered once, however often it is asked for
	for len(query) > 0 {
		name, _, rest, err := NextPair(query)
		if err != nil {
			return dst, err
		}
		query = rest
		switch {
		case string(name) == MaxConnsName && v.MaxConns > 0 && !conns:
			conns = true
			result = appendIntPair(result, MaxConnsName, v.MaxConns)
		case string(name) == MaxReqsName && v.MaxReqs > 0 && !reqs:
			reqs = true
			result = appendIntPair(result, MaxReqsName, v.MaxReqs)
		case string(name) == MpxsConnsName && !mpxs:
			mpxs = true
			result = appendIntPair(result, MpxsConnsName, boolInt(v.MpxsConns))
		}
	}
	return AppendRecord(dst, TypeGetValuesResult, 0, result), nil
}

// ParseValues reads the content of GET_VALUES_RESULT. Names it does not know
// and numbers that are none are passed over.
func ParseValues(content []byte) (Values, error) {
	var v Values
	for len(content) > 0 {
		name, value, rest, err := NextPair(content)
		if err != nil {
			return Values{}, err
		}
		content = rest
		n, err := strconv.Atoi(string(value))
		if err != nil || n < 0 {
			continue
		}
		switch string(name) {
		case MaxConnsName:
			v.MaxConns = n
		case MaxReqsName:
			v.MaxReqs = n
		case MpxsConnsName:
			v.MpxsConns = n != 0
		}
	}
	return v, nil
}

func appendIntPair(dst []byte, name string, n int) []byte {
	var digits [20]byte
	return AppendPair(dst, name, strconv.AppendInt(digits[:0], int64(n), 10))
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
