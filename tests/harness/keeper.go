package harness

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// keeperName is the argv[0] by which a process knows that it is a keeper.
const keeperName = "anyfpm-test-keeper"

// The descriptors a keeper is born with.
const (
	// ordersFD is never written to: its end is the order to go.
	ordersFD = 3
	// reportsFD takes the lines "started PID", "exited WAITSTATUS" and
	// "failed TEXT".
	reportsFD = 4
)

// Main turns a process that the harness started into what it was started for
// and does not return then. TestMain and the bench program call it first.
func Main() {
	if os.Args[0] == keeperName {
		os.Exit(keep(os.Args[1:])) //nolint:forbidigo // a keeper is a program of its own
	}
}

// keep starts a command, adopts every process that its descendants leave
// behind, and ends when the orders do, after killing what is left.
func keep(command []string) int {
	orders, reports := os.NewFile(ordersFD, "orders"), os.NewFile(reportsFD, "reports")
	// The command gets neither these nor what the test's own parents left open.
	if err := unix.CloseRange(ordersFD, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		report(reports, "failed", err)
		return 1
	}
	// An interrupt from the terminal is the test's affair. To ignore it would
	// be inherited by the command; to receive it is not.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)

	main, err := start(command)
	if err != nil {
		report(reports, "failed", err)
		return 1
	}
	report(reports, "started", main)
	go reap(main, reports)

	_, _ = io.Copy(io.Discard, orders)
	if err := until(time.Now().Add(Patience), killDescendants); err != nil {
		return 1
	}
	return 0
}

func start(command []string) (pid int, err error) {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return 0, fmt.Errorf("cannot adopt processes: %w", err)
	}
	child, err := os.StartProcess(command[0], command, &os.ProcAttr{
		Env:   os.Environ(),
		Files: []*os.File{os.Stdin, os.Stdout, os.Stderr},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return 0, err
	}
	return child.Pid, nil
}

// reap waits for children, born and adopted, and reports the end of main.
// When there is none left none can come.
func reap(main int, reports io.Writer) {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return
		case pid == main:
			report(reports, "exited", uint32(status))
		}
	}
}

// killDescendants returns nil when there was nothing left to kill.
func killDescendants() error {
	left := Descendants(os.Getpid())
	for _, p := range left {
		_ = syscall.Kill(p.PID, syscall.SIGKILL)
	}
	if len(left) > 0 {
		return fmt.Errorf("still there: %v", left)
	}
	return nil
}

// report tells the test; if that is gone the orders end too.
func report(to io.Writer, word string, what any) { _, _ = fmt.Fprintln(to, word, what) }
