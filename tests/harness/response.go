package harness

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net/textproto"
	"strconv"
	"strings"
)

// A Response is what came back for one FastCGI request.
type Response struct {
	// Status is from the Status header; 200 without one, 0 without a header.
	Status int
	// Header has the lines of the response's header.
	Header textproto.MIMEHeader
	// Body is what follows the header.
	Body string
	// Stdout and Stderr are the two streams as they came.
	Stdout, Stderr []byte
	// Ended says that END_REQUEST came, with AppStatus and ProtocolStatus.
	Ended          bool
	AppStatus      uint32
	ProtocolStatus byte
}

// take adds one record and says whether it was the last.
func (r *Response) take(rec Record) (last bool, err error) {
	switch rec.Type {
	case Stdout:
		r.Stdout = append(r.Stdout, rec.Content...)
	case Stderr:
		r.Stderr = append(r.Stderr, rec.Content...)
	case EndRequest:
		if len(rec.Content) != 8 {
			return true, errors.New("END_REQUEST without its 8 bytes")
		}
		r.Ended = true
		r.AppStatus = binary.BigEndian.Uint32(rec.Content)
		r.ProtocolStatus = rec.Content[4]
		return true, nil
	default:
		return true, errors.New("record of type " + strconv.Itoa(int(rec.Type)) + " in a response")
	}
	return false, nil
}

// parse splits Stdout into header and body as a web server does.
func (r *Response) parse() error {
	if len(r.Stdout) == 0 {
		return nil
	}
	text := bufio.NewReader(bytes.NewReader(r.Stdout))
	header, err := textproto.NewReader(text).ReadMIMEHeader()
	if err != nil {
		return errors.New("cannot read the response's header: " + err.Error())
	}
	body, err := io.ReadAll(text)
	if err != nil {
		return err
	}
	r.Header, r.Body, r.Status = header, string(body), 200
	if status := header.Get("Status"); status != "" {
		number, _, _ := strings.Cut(status, " ")
		if r.Status, err = strconv.Atoi(number); err != nil {
			return errors.New("cannot read Status: " + status)
		}
	}
	return nil
}
