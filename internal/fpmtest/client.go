package fpmtest

import (
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/anyfpm/anyfpm/fcgi"
)

// A Param is one FastCGI parameter.
type Param struct{ Name, Value string }

// Params makes parameters of alternating names and values.
func Params(namesAndValues ...string) []Param {
	var params []Param
	for i := 0; i+1 < len(namesAndValues); i += 2 {
		params = append(params, Param{namesAndValues[i], namesAndValues[i+1]})
	}
	return params
}

// Do sends one request with these parameters and an empty body, and returns
// what comes back on both streams.
func (s *Server) Do(t testing.TB, params []Param) (stdout, stderr string) {
	t.Helper()
	stdout, stderr, err := roundTrip(s.socket, params)
	if err != nil {
		t.Fatalf("cannot ask php-fpm: %v", err)
	}
	return stdout, stderr
}

func roundTrip(socket string, params []Param) (stdout, stderr string, err error) {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return "", "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return "", "", err
	}
	if _, err := conn.Write(request(params)); err != nil {
		return "", "", err
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		return "", "", err
	}
	return split(answer)
}

func request(params []Param) []byte {
	var pairs []byte
	for _, p := range params {
		pairs = fcgi.AppendPair(pairs, p.Name, p.Value)
	}
	const id = 1
	out := fcgi.AppendBegin(nil, id, fcgi.RoleResponder, 0)
	out = fcgi.AppendStream(out, fcgi.TypeParams, id, pairs)
	out = fcgi.AppendStreamEnd(out, fcgi.TypeParams, id)
	return fcgi.AppendStreamEnd(out, fcgi.TypeStdin, id)
}

// split sorts the records of a whole answer.
func split(answer []byte) (stdout, stderr string, err error) {
	var d fcgi.Decoder
	for len(answer) > 0 {
		ev, n, err := d.Next(answer)
		if err != nil {
			return "", "", fmt.Errorf("cannot read the answer: %w", err)
		}
		answer = answer[n:]
		switch {
		case ev.Kind == fcgi.EventEndRequest:
			return stdout, stderr, nil
		case ev.Kind == fcgi.EventData && ev.Type == fcgi.TypeStdout:
			stdout += string(ev.Data)
		case ev.Kind == fcgi.EventData && ev.Type == fcgi.TypeStderr:
			stderr += string(ev.Data)
		}
	}
	return "", "", errors.New("the answer ends without END_REQUEST")
}
