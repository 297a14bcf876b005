package main

import (
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"time"
)

// A load is what wrk saw.
type load struct {
	rate     float64 // requests a second
	tail     time.Duration
	requests int
	cpu      time.Duration // of wrk itself
	failed   string        // what went wrong, in wrk's words
}

var (
	wrkRate     = regexp.MustCompile(`Requests/sec:\s+([\d.]+)`)
	wrkTail     = regexp.MustCompile(`99%\s+([\d.]+(?:us|ms|s|m))\b`)
	wrkRequests = regexp.MustCompile(`(\d+) requests in`)
	wrkFailed   = regexp.MustCompile(`(Socket errors|Non-2xx or 3xx responses): .*`)
)

// wrk loads a URL.
func wrk(url string, connections int, duration time.Duration) (load, error) {
	cmd := exec.Command("wrk", "--latency", "--timeout", "20s", "-t1", "-c", strconv.Itoa(connections),
		"-d", strconv.Itoa(max(1, int(duration.Seconds())))+"s", url)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return load{}, fmt.Errorf("cannot run wrk: %w\n%s", err, out)
	}
	l, err := parseWrk(string(out))
	l.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return l, err
}

func parseWrk(out string) (load, error) {
	rate, tail, requests := wrkRate.FindStringSubmatch(out), wrkTail.FindStringSubmatch(out), wrkRequests.FindStringSubmatch(out)
	if rate == nil || tail == nil || requests == nil {
		return load{}, fmt.Errorf("cannot read what wrk says:\n%s", out)
	}
	var l load
	var err error
	if l.rate, err = strconv.ParseFloat(rate[1], 64); err != nil {
		return l, err
	}
	if l.tail, err = time.ParseDuration(tail[1]); err != nil {
		return l, err
	}
	if l.requests, err = strconv.Atoi(requests[1]); err != nil {
		return l, err
	}
	l.failed = wrkFailed.FindString(out)
	return l, nil
}
