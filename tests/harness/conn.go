package harness

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// A Conn is a FastCGI connection from a client's side, which may send what it
// likes.
type Conn struct {
	// Conn is the connection itself; what is read from it is lost to Read.
	net.Conn

	in *bufio.Reader
	t  T
}

// Dial connects to a FastCGI socket: a path, or host:port. The connection is
// closed when the test ends.
func Dial(t T, address string) *Conn {
	t.Helper()
	c, err := dial(address)
	if err != nil {
		t.Fatalf("cannot connect: %v", err)
	}
	t.Cleanup(func() { _ = c.Close() })
	c.t = t
	return c
}

func dial(address string) (*Conn, error) {
	network := "tcp"
	if strings.HasPrefix(address, "/") {
		network = "unix"
	}
	c, err := net.DialTimeout(network, address, Patience)
	if err != nil {
		return nil, err
	}
	return &Conn{Conn: c, in: bufio.NewReader(c)}, nil
}

// Send writes bytes.
func (c *Conn) Send(b ...[]byte) {
	c.t.Helper()
	for _, piece := range b {
		if _, err := c.Write(piece); err != nil {
			c.t.Fatalf("cannot send: %v", err)
		}
	}
}

// Read returns the next record.
func (c *Conn) Read() Record {
	c.t.Helper()
	rec, err := c.next(Patience)
	if err != nil {
		c.t.Fatalf("no record: %v", err)
	}
	return rec
}

// ReadStdout reads what request id has to say until it ends in suffix.
func (c *Conn) ReadStdout(id uint16, suffix string) {
	c.t.Helper()
	var said []byte
	for !bytes.HasSuffix(said, []byte(suffix)) {
		rec, err := c.next(Patience)
		if err != nil || rec.Type != Stdout || rec.ID != id {
			c.t.Fatalf("expected output that ends in %q, got %q and then %+v, %v", suffix, said, rec, err)
		}
		said = append(said, rec.Content...)
	}
}

// Response reads up to END_REQUEST of one request. A record of another
// request fails the test.
func (c *Conn) Response(id uint16) Response {
	c.t.Helper()
	res, err := c.response(id, Patience)
	if err == nil {
		err = res.parse()
	}
	if err != nil {
		c.t.Fatalf("no response: %v; so far %.1000q, stderr %.1000q", err, res.Stdout, res.Stderr)
	}
	return res
}

// Rest reads up to END_REQUEST of a request whose header was read before, and
// returns what else it had to say.
func (c *Conn) Rest(id uint16) string {
	c.t.Helper()
	res, err := c.response(id, Patience)
	if err != nil {
		c.t.Fatalf("no rest of the response: %v; so far %.1000q", err, res.Stdout)
	}
	return string(res.Stdout)
}

// Responses reads the interleaved responses of several requests.
func (c *Conn) Responses(ids ...uint16) map[uint16]Response {
	c.t.Helper()
	open := make(map[uint16]*Response)
	for _, id := range ids {
		open[id] = new(Response)
	}
	done := make(map[uint16]Response)
	for len(done) < len(ids) {
		rec := c.Read()
		res := open[rec.ID]
		if res == nil {
			c.t.Fatalf("record %+v of no open request", rec)
		}
		last, err := res.take(rec)
		if last && err == nil {
			err = res.parse()
		}
		if err != nil {
			c.t.Fatalf("request %d: %v", rec.ID, err)
		}
		if last {
			done[rec.ID] = *res
			delete(open, rec.ID)
		}
	}
	return done
}

// Values asks for variables with GET_VALUES.
func (c *Conn) Values(names ...string) map[string]string {
	c.t.Helper()
	var content []byte
	for _, name := range names {
		content = append(content, Pair(name, "")...)
	}
	c.Send(Record{Type: GetValues, Content: content}.Bytes())
	rec := c.Read()
	if rec.Type != GetValuesResult || rec.ID != 0 {
		c.t.Fatalf("GET_VALUES was answered with %+v", rec)
	}
	values, err := pairs(rec.Content)
	if err != nil {
		c.t.Fatalf("GET_VALUES_RESULT: %v", err)
	}
	return values
}

// ExpectClosed waits for the other side to close, and fails the test when
// anything else comes.
func (c *Conn) ExpectClosed() {
	c.t.Helper()
	rec, err := c.next(Patience)
	var timeout net.Error
	switch {
	case err == nil:
		c.t.Fatalf("expected the connection to be closed, got %+v", rec)
	case errors.As(err, &timeout) && timeout.Timeout():
		c.t.Fatalf("the connection is still open")
	}
}

// ClosedWithin says whether the other side closes within the given time. It
// must not say anything.
func (c *Conn) ClosedWithin(d time.Duration) bool {
	c.t.Helper()
	rec, err := c.next(d)
	var timeout net.Error
	if err == nil {
		c.t.Fatalf("expected nothing, got %+v", rec)
	}
	return !errors.As(err, &timeout) || !timeout.Timeout()
}

// ExpectOpen fails the test when the other side closes or says anything
// within the given time.
func (c *Conn) ExpectOpen(during time.Duration) {
	c.t.Helper()
	rec, err := c.next(during)
	var timeout net.Error
	if !errors.As(err, &timeout) || !timeout.Timeout() {
		c.t.Fatalf("expected an open and silent connection, got %+v, %v", rec, err)
	}
}

func (c *Conn) next(within time.Duration) (Record, error) {
	if err := c.SetReadDeadline(time.Now().Add(within)); err != nil {
		return Record{}, err
	}
	return readRecord(c.in)
}

func (c *Conn) response(id uint16, within time.Duration) (Response, error) {
	var res Response
	for {
		rec, err := c.next(within)
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = errors.New("connection closed")
			}
			return res, err
		}
		if rec.ID != id {
			return res, fmt.Errorf("record of request %d", rec.ID)
		}
		last, err := res.take(rec)
		if last || err != nil {
			return res, err
		}
	}
}

// do sends a request over a connection of its own. The body goes out while
// the response comes in.
func do(address string, r Request, within time.Duration) (Response, error) {
	c, err := begin(address, r)
	if err != nil {
		return Response{}, err
	}
	return c.finish(within)
}

// atOnce is how much a socket takes that nobody reads.
const atOnce = 16 << 10

// begin connects and sends a request. A request of usual size is out when it
// returns: whoever connects later comes later.
func begin(address string, r Request) (*Conn, error) {
	c, err := dial(address)
	if err != nil {
		return nil, err
	}
	send := func(b []byte) {
		// A service may answer without reading; what matters is the answer.
		_, _ = c.Write(b)
	}
	if b := r.Bytes(1); len(b) <= atOnce {
		send(b)
	} else {
		go send(b)
	}
	return c, nil
}

// finish reads the response to the request that has begun, and closes.
func (c *Conn) finish(within time.Duration) (Response, error) {
	defer c.Close()
	res, err := c.response(1, within)
	if err == nil {
		err = res.parse()
	}
	return res, err
}
