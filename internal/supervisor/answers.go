package supervisor

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/anyfpm/anyfpm/fcgi"
	"github.com/anyfpm/anyfpm/status"
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

func newAnswer(status int, extra, body string) *answer {
	reason := http.StatusText(status)
	header := "Status: " + strconv.Itoa(status) + " " + reason + "\r\n" + extra +
		"Content-type: text/plain; charset=UTF-8\r\n\r\n"
	return &answer{status: status, header: header, body: strconv.Itoa(status) + " " + reason + "\n" + body}
}

func badGateway() *answer { return newAnswer(502, "", "The application did not answer properly.\n") }

func scriptFailed() *answer {
	return newAnswer(500, "", "The script failed; its error is in the log.\n")
}

func gatewayTimeout() *answer { return newAnswer(504, "", "The application took too long.\n") }

func bodyLost() *answer { return newAnswer(500, "", "") }

func parametersTooLarge() *answer { return newAnswer(431, "", "") }

func requestTimeout() *answer { return newAnswer(408, "", "The request stopped coming.\n") }

func bodyTimeout() *answer { return newAnswer(408, "", "The request body stopped coming.\n") }

// unavailable refuses for now and says why; a client may come back after the
// given number of seconds.
func unavailable(why status.Outcome, retryAfter int) *answer {
	var text string
	switch why {
	case status.PoolFailed:
		text = "The application does not start, please try again later.\n"
	case status.Draining:
		text = "The service is being stopped, please try again.\n"
	default:
		text = "All workers are busy, please try again.\n"
	}
	return newAnswer(503, "Retry-After: "+strconv.Itoa(retryAfter)+"\r\n", text)
}

// append writes the answer as records of request id.
func (a *answer) append(dst []byte, id uint16, head bool) []byte {
	if a.stderr != "" {
		dst = fcgi.AppendStream(dst, fcgi.TypeStderr, id, []byte(a.stderr))
	}
	text := a.header
	if !head {
		text += a.body
	}
	return fcgi.AppendStream(dst, fcgi.TypeStdout, id, []byte(text))
}
