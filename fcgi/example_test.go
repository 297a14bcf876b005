package fcgi_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/anyfpm/anyfpm/fcgi"
)

// A server answers on a unix socket until it is shut down. Its client could as
// well be nginx with "fastcgi_pass unix:/path".
func Example() {
	dir, err := os.MkdirTemp("", "fcgi")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	listener, err := net.Listen("unix", filepath.Join(dir, "socket"))
	if err != nil {
		log.Fatal(err)
	}
	server := &fcgi.Server{Handler: fcgi.HandlerFunc(shout)}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()

	client := &fcgi.Client{Network: "unix", Address: listener.Addr().String()}
	var response bytes.Buffer
	_, err = client.Do(context.Background(), &fcgi.Request{
		Params: fcgi.Params{{Name: "REQUEST_METHOD", Value: "POST"}},
		Stdin:  strings.NewReader("hello"),
		Stdout: &response,
	})
	fmt.Println(response.String(), err)
	client.Close()

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	fmt.Println(server.Shutdown(ctx))
	fmt.Println(<-served)
	// Output:
	// Content-Type: text/plain
	//
	// HELLO <nil>
	// <nil>
	// fcgi: server closed
}

// shout answers a request with its body in capitals.
func shout(_ context.Context, r *fcgi.Request) (appStatus uint32, err error) {
	body, err := io.ReadAll(r.Stdin)
	if err != nil {
		return 1, err
	}
	_, err = fmt.Fprintf(r.Stdout, "Content-Type: text/plain\n\n%s", bytes.ToUpper(body))
	return 0, err
}

// The decoder does no I/O: whoever has bytes feeds them, and gets at most one
// event for each step.
func ExampleDecoder() {
	input := fcgi.AppendBegin(nil, 1, fcgi.RoleResponder, fcgi.FlagKeepConn)
	input = fcgi.AppendStream(input, fcgi.TypeParams, 1, fcgi.AppendPair(nil, "SCRIPT_NAME", "/index.php"))
	input = fcgi.AppendStreamEnd(input, fcgi.TypeParams, 1)

	var decoder fcgi.Decoder
	for len(input) > 0 {
		event, n, err := decoder.Next(input)
		if err != nil {
			log.Fatal(err)
		}
		input = input[n:]
		switch event.Kind {
		case fcgi.EventBegin:
			fmt.Println("request", event.RequestID, event.Begin.Role)
		case fcgi.EventData:
			name, value, _, err := fcgi.NextPair(event.Data)
			fmt.Printf("%s=%s %v\n", name, value, err)
		case fcgi.EventEnd:
			fmt.Println("end of", event.Type)
		}
	}
	// Output:
	// request 1 RESPONDER
	// SCRIPT_NAME=/index.php <nil>
	// end of PARAMS
}

// A handler refuses a request by an EndError; the web server sees OVERLOADED
// and can try elsewhere.
func ExampleEndError() {
	ours, theirs := net.Pipe()
	server := &fcgi.Server{Handler: fcgi.HandlerFunc(func(context.Context, *fcgi.Request) (uint32, error) {
		return 0, &fcgi.EndError{Status: fcgi.StatusOverloaded}
	})}
	go server.ServeConn(theirs)
	defer server.Close()

	client := &fcgi.Client{Dial: func(context.Context) (net.Conn, error) { return ours, nil }}
	defer client.Close()
	_, err := client.Do(context.Background(), &fcgi.Request{})
	fmt.Println(err)
	// Output:
	// fcgi: request refused: OVERLOADED
}
