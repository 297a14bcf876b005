package master

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// A notifier tells systemd how the service is (sd_notify(3)). The zero
// notifier has nobody to tell.
type notifier struct {
	socket string // a path, or a name after "@"
}

func newNotifier(environ []string) notifier {
	for _, entry := range environ {
		if path, ok := strings.CutPrefix(entry, "NOTIFY_SOCKET="); ok {
			return notifier{socket: path}
		}
	}
	return notifier{}
}

func (n notifier) enabled() bool { return n.socket != "" }

// ready says that the service serves, at the start or after a reload.
func (n notifier) ready() {
	n.send(fmt.Sprintf("READY=1\nSTATUS=Ready to handle connections\nMAINPID=%d", os.Getpid()))
}

// reloading says that a reload is under way, until ready.
func (n notifier) reloading() {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return
	}
	n.send(fmt.Sprintf("RELOADING=1\nMONOTONIC_USEC=%d\nSTATUS=Reloading", now.Nano()/1000))
}

func (n notifier) stopping() { n.send("STOPPING=1\nSTATUS=Stopping") }

// send drops what systemd does not take at once.
func (n notifier) send(state string) {
	if !n.enabled() {
		return
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	_ = unix.Sendto(fd, []byte(state), unix.MSG_NOSIGNAL, &unix.SockaddrUnix{Name: n.socket})
}
