package supervisor

import (
	"errors"
	"strconv"

	"github.com/anyfpm/anyfpm/fcgi"
)

var (
	errRequestIDInUse    = errors.New("BEGIN_REQUEST with the id of a request that is still open")
	errParamsAfterEnd    = errors.New("PARAMS after the end of PARAMS")
	errStdinBeforeParams = errors.New("STDIN or DATA before the end of PARAMS")
)

// An answer is a whole response of our own.
type answer struct {
	status int
	header string // complete, with the blank line
	body   string
	stderr string // on FCGI_STDERR, before the header as php-fpm does
}

func newAnswer(status int, reason, extra, body string) answer {
	header := "Status: " + strconv.Itoa(status) + " " + reason + "\r\n" + extra +
		"Content-type: text/plain; charset=UTF-8\r\n\r\n"
	return answer{status: status, header: header, body: body}
}

var (
	answerBadGateway      = newAnswer(502, "Bad Gateway", "", "502 Bad Gateway\nThe application did not answer properly.\n")
	answerScriptFailed    = newAnswer(500, "Internal Server Error", "", "500 Internal Server Error\nThe script failed; its error is in the log.\n")
	answerTimeout         = newAnswer(504, "Gateway Timeout", "", "504 Gateway Timeout\nThe application took too long.\n")
	answerInternal        = newAnswer(500, "Internal Server Error", "", "500 Internal Server Error\n")
	answerHeadersTooLarge = newAnswer(431, "Request Header Fields Too Large", "", "431 Request Header Fields Too Large\n")
	answerBodyTimeout     = newAnswer(408, "Request Timeout", "", "408 Request Timeout\nThe request body stopped coming.\n")
)

// answerUnavailable refuses for now; a client may come back after the given
// number of seconds.
func answerUnavailable(retryAfter int) *answer {
	a := newAnswer(503, "Service Unavailable", "Retry-After: "+strconv.Itoa(retryAfter)+"\r\n",
		"503 Service Unavailable\nAll workers are busy, please try again.\n")
	return &a
}

// append writes the answer as records of request id.
func (a *answer) append(dst []byte, id uint16, head bool) []byte {
	if a.stderr != "" {
		dst = fcgi.AppendStream(dst, fcgi.TypeStderr, id, []byte(a.stderr))
	}
	dst = fcgi.AppendStream(dst, fcgi.TypeStdout, id, []byte(a.header))
	if a.body != "" && !head {
		dst = fcgi.AppendStream(dst, fcgi.TypeStdout, id, []byte(a.body))
	}
	return dst
}
