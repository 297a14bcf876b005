package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/anyfpm/anyfpm/tests/harness"
)

// syscalls counts what a supervisor asks of the kernel for each request, and
// the prototype where there is one: under strace, which slows it down, and where
// there is perf(1) at full speed. What the calls are worth is in the processor
// time, measured by itself.
func syscalls(t harness.T, o options) []figure {
	var figures []figure
	for _, keepAlive := range []bool{false, true} {
		contenders := []contender{ownProgram("resident", residentC, keepAlive)}
		if o.prototype != "" {
			contenders = append(contenders, prototypeRelay(keepAlive))
		}
		for _, c := range contenders {
			up := c.start(t, o)
			url := front(t, up, keepAlive, identity())
			loadOnce(t, url, o.connections, time.Second)
			figures = append(figures, figure{what: c.name, value: processorTime(t, up.pid, url, o), unit: "µs a request"})
			if perf, err := exec.LookPath("perf"); err == nil {
				figures = append(figures, figure{what: c.name, value: counted(t, perf, up.pid, url, o), unit: "calls a request"})
			}
			figures = append(figures, figure{what: c.name + ", under strace", value: traced(t, up.pid, url, o), unit: "calls a request"})
		}
	}
	return figures
}

// processorTime loads a URL and returns the processor time that a request took
// a process, in microseconds.
func processorTime(t harness.T, pid int, url string, o options) float64 {
	before := harness.ProcessorTime(t, pid)
	l := loadOnce(t, url, o.connections, o.duration)
	return float64((harness.ProcessorTime(t, pid) - before).Nanoseconds()) / 1e3 / float64(l.requests)
}

// counted loads a URL while perf counts the calls of a process.
func counted(t harness.T, perf string, pid int, url string, o options) float64 {
	const event = "raw_syscalls:sys_enter"
	count := exec.Command(perf, "stat", "-x", ",", "-e", event, "-p", strconv.Itoa(pid))
	var said strings.Builder
	count.Stderr = &said
	if err := count.Start(); err != nil {
		t.Fatalf("cannot start perf: %v", err)
	}
	l := loadOnce(t, url, o.connections, o.duration)
	if err := count.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatalf("cannot stop perf: %v", err)
	}
	if err := count.Wait(); err != nil && !strings.Contains(err.Error(), "interrupt") {
		t.Logf("perf: %v\n%s", err, said.String())
	}
	number, _, found := strings.Cut(said.String(), ",")
	calls, err := strconv.ParseUint(strings.TrimSpace(number), 10, 64)
	if !found || err != nil {
		t.Fatalf("perf has not counted: %s", said.String())
	}
	return float64(calls) / float64(l.requests)
}

// traced loads a URL while strace counts the calls of a process.
func traced(t harness.T, pid int, url string, o options) float64 {
	dir, err := os.MkdirTemp("/tmp", "anyfpm-strace-")
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	report := filepath.Join(dir, "counts")
	strace := exec.Command(program(t, "/usr/bin/strace"), "-f", "-c", "-U", "name,calls", "-o", report, "-p", strconv.Itoa(pid))
	var said strings.Builder
	strace.Stderr = &said
	if err := strace.Start(); err != nil {
		t.Fatalf("cannot start strace: %v", err)
	}
	harness.Eventually(t, harness.Patience, func() error { return harness.Traced(pid) })
	l := loadOnce(t, url, o.connections, o.duration)
	if err := strace.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatalf("cannot stop strace: %v", err)
	}
	if err := strace.Wait(); err != nil && !strings.Contains(err.Error(), "interrupt") {
		t.Logf("strace: %v\n%s", err, said.String())
	}
	text, err := os.ReadFile(report)
	if err != nil {
		t.Fatalf("cannot read what strace counted: %v", err)
	}
	calls, err := total(string(text))
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Logf("%d requests\n%s", l.requests, text)
	return float64(calls) / float64(l.requests)
}

// total reads the last line of strace's table.
func total(report string) (int, error) {
	for line := range strings.Lines(report) {
		if fields := strings.Fields(line); len(fields) == 2 && fields[0] == "total" {
			return strconv.Atoi(fields[1])
		}
	}
	return 0, fmt.Errorf("no total in what strace says:\n%s", report)
}
