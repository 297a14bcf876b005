package harness

import (
	"net"
	"os"
	"strconv"
	"sync/atomic"
)

// Ports are taken below the range from which the kernel gives them to
// outgoing connections, so that none of those can be in the way.
const (
	firstPort = 10000
	lastPort  = 32000
)

// portsTaken counts the ports given out by this process, so that parallel
// tests never get the same.
var portsTaken atomic.Uint32

// FreePort returns a TCP port of the loopback on which nothing listens.
func FreePort(t T) int {
	t.Helper()
	const span = lastPort - firstPort
	for range span {
		// Test binaries that run side by side begin in different places.
		port := firstPort + (os.Getpid()*101+int(portsTaken.Add(1)))%span
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			continue
		}
		if err := l.Close(); err != nil {
			t.Fatalf("cannot close the probe of port %d: %v", port, err)
		}
		return port
	}
	t.Fatalf("no free port between %d and %d", firstPort, lastPort)
	return 0
}

// Listening returns nil when somebody accepts connections at an address: a
// path, or host:port.
func Listening(address string) error {
	network := "tcp"
	if address[0] == '/' {
		network = "unix"
	}
	c, err := net.Dial(network, address)
	if err != nil {
		return err
	}
	return c.Close()
}
