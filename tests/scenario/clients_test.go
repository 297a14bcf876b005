//go:build integration

package scenario

import (
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/anyfpm/anyfpm/tests/harness"
)

// A client may go away after any byte it sent: nothing of it stays.
func TestClientGoneAtAnyPoint(t *testing.T) {
	suite.Everybody(t, "[www]\npm = static\npm.max_children = 4\npm.status_path = /status\n", func(t *testing.T, d *harness.Daemon) {
		d.Script("echo.sh", "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\nexec cat")
		request := d.Request(harness.Request{Path: "/echo.sh", Body: []byte("body")}).Bytes(1)
		for n := range len(request) + 1 {
			c := d.Dial()
			c.Send(request[:n])
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
		}
		d.ExpectWorks()
		d.AwaitStatus("nothing running or waiting", func(s harness.Status) bool {
			return s.ActiveProcesses <= 1 && s.ListenQueue == 0
		})
	})
}

// A client may go away after any record of the response.
func TestClientGoneDuringResponse(t *testing.T) {
	t.Parallel()
	d := suite.Start(t, oneWorker+"on_client_abort = terminate\n")
	d.Script("much.sh", "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\nexec yes")
	for n := range 5 {
		c := d.Dial()
		c.Send(d.Request(harness.Request{Path: "/much.sh"}).Bytes(1))
		for range n {
			c.Read()
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		d.AwaitProcesses("yes", 0)
	}
	d.ExpectWorks()
}

// A client may close the half of its connection that it sends on, behind its
// request, and gets the answer, on unix and TCP sockets.
func TestClientShutsDownItsSendingHalf(t *testing.T) {
	for name, listen := range map[string]string{"unix": "", "tcp": "listen = 127.0.0.1:{{PORT}}\n"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := suite.Start(t, oneWorker+"on_client_abort = terminate\n"+listen)
			gate := d.Gate()
			for _, keep := range []bool{false, true} {
				c := d.Dial()
				raw := d.Request(harness.Request{Path: "/hold.sh", KeepConn: keep}).Bytes(1)
				c.Send(raw[:len(raw)-1])
				d.ExpectWorks() // the connection is watched now
				c.Send(raw[len(raw)-1:])
				if err := c.Conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
					t.Fatal(err)
				}
				d.AwaitProcesses("hold.sh", 1)
				gate.Open(1)
				expectBody(t, c.Response(1), "held")
				c.ExpectClosed()
			}
		})
	}
}

// Connections on which nothing comes hold no worker; one that never says a
// byte is closed in time.
func TestSilentClients(t *testing.T) {
	t.Parallel()
	d := suite.Start(t, oneWorker)
	request := d.Request(harness.Request{Path: "/works.sh"}).Bytes(1)
	silent := d.Dial()
	for n := range 50 {
		d.Dial().Send(request[:n*4])
	}
	d.ExpectWorks()
	silent.ExpectClosed()
}

// A client that sends a byte a second is not waited for any longer than one
// that sends nothing more: 10 s for all of PARAMS.
func TestDrippingClient(t *testing.T) {
	t.Parallel()
	d := suite.Start(t, oneWorker)
	request := d.Request(harness.Request{Path: "/works.sh"}).Bytes(1)
	c := d.Dial()
	began := time.Now()
	for _, b := range request {
		if _, err := c.Write([]byte{b}); err != nil || c.ClosedWithin(time.Second) {
			break
		}
		if time.Since(began) > harness.Patience+5*time.Second {
			t.Fatal("the connection is still open")
		}
	}
	d.Log.Expect(`WARNING: \[pool www\] client did not send its request in time, connection closed`)
	d.ExpectWorks()
}

// A client that reads a byte now and then holds its own worker and not the
// supervisor, whose memory stays bounded.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	d := suite.Start(t, "[www]\npm = static\npm.max_children = 2\non_client_abort = terminate\n")
	d.Script("much.sh", "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\nexec yes")
	slow := d.Dial()
	slow.Send(d.Request(harness.Request{Path: "/much.sh"}).Bytes(1))
	for range 100 {
		d.ExpectWorks()
	}
	slow.Read()
	d.ExpectPeakBelow(d.Supervisor("www"), 32)
}

// Connects in a row that come to nothing, as of a port scan or a health
// check, do no harm, on unix and TCP sockets.
func TestConnectsInARow(t *testing.T) {
	for name, listen := range map[string]string{"unix": "", "tcp": "listen = 127.0.0.1:{{PORT}}\n"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := suite.Start(t, oneWorker+listen)
			network := "unix"
			if name == "tcp" {
				network = "tcp"
			}
			const n = 100_000
			for range n {
				var c net.Conn
				harness.Eventually(t, harness.Patience, func() (err error) {
					c, err = net.Dial(network, d.Address()) // the backlog may be full
					return err
				})
				if tcp, ok := c.(*net.TCPConn); ok {
					// A reset leaves no port in TIME_WAIT.
					if err := tcp.SetLinger(0); err != nil {
						t.Fatal(err)
					}
				}
				if err := c.Close(); err != nil {
					t.Fatal(err)
				}
			}
			d.ExpectWorks()
		})
	}
}

// With its descriptors exhausted a supervisor accepts later; nothing dies, no
// processor is burnt, and everybody is served in the end.
func TestDescriptorsExhausted(t *testing.T) {
	t.Parallel()
	service := suite.Service(oneWorker, harness.Current())
	service.Binary = "/bin/sh"
	service.Args = []string{"-c", `ulimit -n 40 && exec "$0" "$@"`, suite.Binary}
	d := harness.Start(t, service)
	d.ExpectWorks()
	pid := d.Supervisor("www")
	ping := d.Request(harness.Request{Path: "/ping"})
	var clients []*harness.Conn
	for range 60 {
		c := d.Dial()
		c.Send(ping.Head(1))
		clients = append(clients, c)
	}
	d.Log.Expect(`Too many open files`)
	before := harness.ProcessorTime(t, pid)
	const while = time.Second
	harness.Throughout(t, while, func() error {
		if !harness.Alive(pid) {
			return fmt.Errorf("the supervisor died")
		}
		return nil
	})
	if used := harness.ProcessorTime(t, pid) - before; used > while/5 {
		t.Errorf("the supervisor used %v of %v", used, while)
	}
	for _, c := range clients {
		c.Send(harness.Stream(harness.Stdin, 1, nil))
		expectBody(t, c.Response(1), "pong")
		c.ExpectClosed()
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	d.ExpectWorks()
	if lines := d.Log.Count("Too many open files"); lines > 10 {
		t.Errorf("%d log lines about it", lines)
	}
}

// However many clients come at once, there are descriptors for the workers and
// for what they get.
func TestDescriptorsOfWorkers(t *testing.T) {
	t.Parallel()
	service := suite.Service("[www]\npm = static\npm.max_children = 3\n", harness.Current())
	service.Binary = "/bin/sh"
	service.Args = []string{"-c", `ulimit -n 48 && exec "$0" "$@"`, suite.Binary}
	d := harness.Start(t, service)
	d.Script("count.sh", "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\nexec wc -c")
	var all []<-chan harness.Outcome
	for range 60 {
		all = append(all, d.Go(harness.Request{Path: "/count.sh", Body: make([]byte, 100_000)}))
	}
	for _, one := range all {
		if got := <-one; got.Err != nil || got.Status != 200 || got.Body != "100000\n" {
			t.Errorf("a client got %+v", got)
		}
	}
}
