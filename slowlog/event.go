package slowlog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// A Reason is why a process was looked at.
type Reason string

// The reasons.
const (
	// Slow: the request runs longer than request_slowlog_timeout.
	Slow Reason = "slow"
	// Terminate: its worker is about to be stopped for it
	// (request_terminate_timeout).
	Terminate Reason = "terminate"
)

// An Event is one entry of the slow log: a request and a report of the process
// that serves it. Its text may hold anything; what is written is clean.
type Event struct {
	Reason    Reason
	Pool      string
	Worker    int // the worker's slot
	Method    string
	URI       string
	Script    string
	RequestID string
	Elapsed   time.Duration // since the request was given to the worker
	Queued    time.Duration // how long it waited before
	// Sample counts the events of a request from 1 (request_slowlog_repeat).
	Sample int
	Report Report
}

// maxText is how much is written of a URI and of other text of a request.
const maxText = 8 << 10

// maxName is how much is written of a pool's name.
const maxName = 256

// A jsonEvent is an event as it is written.
type jsonEvent struct {
	Time      time.Time `json:"time"`
	Pool      string    `json:"pool"`
	Worker    int       `json:"worker"`
	PID       int       `json:"pid"`
	Reason    Reason    `json:"reason"`
	Sample    int       `json:"sample"`
	Method    string    `json:"method"`
	URI       string    `json:"uri"`
	Script    string    `json:"script"`
	RequestID string    `json:"request_id,omitempty"`
	Elapsed   float64   `json:"elapsed"`
	QueueTime float64   `json:"queue_time"`
	Stacks    []Stack   `json:"stacks"`
	Wait      Wait      `json:"wait"`
	Children  []Child   `json:"children,omitempty"`
	Notes     []string  `json:"notes,omitempty"`
	Took      float64   `json:"sample_time"`
}

// AppendJSON appends an event as one line of JSON, with at most depth frames
// of each stack. Times are in seconds.
func AppendJSON(dst []byte, e *Event, depth int) []byte {
	j := jsonEvent{
		Time:      e.Report.At,
		Pool:      cleanBounded(e.Pool, maxName),
		Worker:    e.Worker,
		PID:       e.Report.PID,
		Reason:    e.Reason,
		Sample:    e.Sample,
		Method:    cleanBounded(e.Method, maxText),
		URI:       cleanBounded(e.URI, maxText),
		Script:    cleanBounded(e.Script, maxText),
		RequestID: cleanBounded(e.RequestID, maxText),
		Elapsed:   e.Elapsed.Seconds(),
		QueueTime: e.Queued.Seconds(),
		Stacks:    make([]Stack, 0, len(e.Report.Stacks)),
		Wait:      e.Report.Wait,
		Children:  e.Report.Children,
		Notes:     e.Report.Notes,
		Took:      e.Report.Took.Seconds(),
	}
	for _, s := range e.Report.Stacks {
		if len(s.Frames) > depth {
			s.Frames, s.Truncated = s.Frames[:depth], true
		}
		j.Stacks = append(j.Stacks, s)
	}
	var line bytes.Buffer
	enc := json.NewEncoder(&line)
	enc.SetEscapeHTML(false) // <module> is no markup here
	if err := enc.Encode(j); err != nil {
		// Only a number that is none could do it, and there is none.
		return fmt.Appendf(dst, "{\"error\":%q}\n", err)
	}
	return append(dst, line.Bytes()...)
}
