package slowlog

import (
	"encoding/json"
	"fmt"
	"time"
)

// A Reason is why a process was looked at.
type Reason string

// The reasons.
const (
	// Slow is a request that runs longer than request_slowlog_timeout.
	Slow Reason = "slow"
	// Timeout is a request whose worker is about to be stopped for
	// request_terminate_timeout.
	Timeout Reason = "timeout"
)

// An Event is one entry of a slow log: a request and a report of the process
// that serves it. Its text may hold anything; what is written is clean.
type Event struct {
	Reason    Reason
	Pool      string
	Slot      int // the worker's place in the pool
	Method    string
	URI       string // with the query
	Script    string
	RequestID string        // empty without one
	Elapsed   time.Duration // since a worker has the request
	Queue     time.Duration // how long it waited for one
	// Sample counts the looks at the request from 1 (request_slowlog_repeat).
	Sample int
	Report Report
}

// Bounds of what is written of a request.
const (
	maxText = 8 << 10
	maxName = 256 // of a pool
)

// A jsonEvent is an event as it is written, with the names that the access log
// has for the same things.
type jsonEvent struct {
	Time      time.Time `json:"time"`
	Event     Reason    `json:"event"`
	Pool      string    `json:"pool"`
	PID       int       `json:"pid"`
	Slot      int       `json:"slot"`
	RequestID string    `json:"request_id,omitempty"`
	Method    string    `json:"method"`
	URI       string    `json:"uri"`
	Script    string    `json:"script"`
	Elapsed   float64   `json:"elapsed"`
	Queue     float64   `json:"queue"`
	Sample    int       `json:"sample"`
	Stacks    []Stack   `json:"stacks"`
	Wait      Wait      `json:"wait"`
	Children  []Child   `json:"children,omitempty"`
	Notes     []string  `json:"notes,omitempty"`
}

// AppendJSON appends an event as one line of JSON, with at most depth frames
// of each stack. Times are in seconds.
func AppendJSON(dst []byte, e *Event, depth int) []byte {
	j := jsonEvent{
		Time:      e.Report.At,
		Event:     e.Reason,
		Pool:      cleanBounded(e.Pool, maxName),
		PID:       e.Report.PID,
		Slot:      e.Slot,
		RequestID: cleanBounded(e.RequestID, maxText),
		Method:    cleanBounded(e.Method, maxText),
		URI:       cleanBounded(e.URI, maxText),
		Script:    cleanBounded(e.Script, maxText),
		Elapsed:   e.Elapsed.Seconds(),
		Queue:     e.Queue.Seconds(),
		Sample:    e.Sample,
		Stacks:    make([]Stack, 0, len(e.Report.Stacks)),
		Wait:      e.Report.Wait,
		Children:  e.Report.Children,
		Notes:     e.Report.Notes,
	}
	for _, s := range e.Report.Stacks {
		if len(s.Frames) > depth {
			s.Frames, s.Truncated = s.Frames[:depth], true
		}
		j.Stacks = append(j.Stacks, s)
	}
	line := appender{dst}
	enc := json.NewEncoder(&line)
	enc.SetEscapeHTML(false) // <module> is no markup here
	if err := enc.Encode(j); err != nil {
		// Only a number that is none could do it, and there is none.
		return fmt.Appendf(dst, "{\"error\":%q}\n", err)
	}
	return line.to
}

// An appender is a writer to the end of a slice.
type appender struct{ to []byte }

func (a *appender) Write(p []byte) (int, error) {
	a.to = append(a.to, p...)
	return len(p), nil
}
