package harness

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"time"
)

// A Log follows a log file as it grows, also across a rotation.
type Log struct {
	// Path may name a file that does not exist yet.
	Path string

	t T
	*tail
}

// A tail is what was read of a log.
type tail struct {
	file   *os.File
	rest   []byte   // a line that has not ended
	lines  []string // every line so far
	cursor int      // lines before it are behind the last expectation
}

// Follow returns the log at path, from its beginning.
func Follow(t T, path string) *Log {
	l := &Log{Path: path, t: t, tail: new(tail)}
	t.Cleanup(l.close)
	return l
}

// For returns the same log for a subtest.
func (l *Log) For(t T) *Log { return &Log{Path: l.Path, t: t, tail: l.tail} }

// Expect waits for a line that matches the regular expression and comes after
// the last line that was expected; lines in between do not matter. It returns
// the line's submatches, the first being the whole match.
func (l *Log) Expect(pattern string) []string {
	l.t.Helper()
	return l.ExpectWithin(Patience, pattern)
}

// ExpectWithin is Expect with a time of its own.
func (l *Log) ExpectWithin(within time.Duration, pattern string) []string {
	l.t.Helper()
	re := regexp.MustCompile(pattern)
	var match []string
	Eventually(l.t, within, func() error {
		if err := l.read(); err != nil {
			return err
		}
		for i, line := range l.lines[l.cursor:] {
			if match = re.FindStringSubmatch(line); match != nil {
				l.cursor += i + 1
				return nil
			}
		}
		return fmt.Errorf("no line of %s matches %q; the last are\n%s", l.Path, pattern, l.last())
	})
	return match
}

// Reject fails the test when any line so far, expected or not, matches.
func (l *Log) Reject(pattern string) {
	l.t.Helper()
	for _, line := range l.Lines() {
		if regexp.MustCompile(pattern).MatchString(line) {
			l.t.Errorf("%s has a line it should not have: %s", l.Path, line)
		}
	}
}

// Count returns how many lines so far match.
func (l *Log) Count(pattern string) int {
	l.t.Helper()
	re := regexp.MustCompile(pattern)
	n := 0
	for _, line := range l.Lines() {
		if re.MatchString(line) {
			n++
		}
	}
	return n
}

// Lines returns every line so far.
func (l *Log) Lines() []string {
	l.t.Helper()
	if err := l.read(); err != nil {
		l.t.Fatalf("cannot read log: %v", err)
	}
	return l.lines
}

// read takes in what was written since. A file renamed away is read to its
// end before the new one of that name is opened.
func (l *Log) read() error {
	for range 2 {
		if l.file == nil {
			file, err := os.Open(l.Path)
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil {
				return err
			}
			l.file = file
		}
		text, err := io.ReadAll(l.file)
		if err != nil {
			return err
		}
		l.take(text)
		if !l.rotated() {
			return nil
		}
		l.close()
	}
	return nil
}

func (l *tail) take(text []byte) {
	text = append(l.rest, text...)
	for {
		line, rest, found := bytes.Cut(text, []byte("\n"))
		if !found {
			l.rest = bytes.Clone(text)
			return
		}
		l.lines = append(l.lines, string(line))
		text = rest
	}
}

func (l *Log) rotated() bool {
	open, err := l.file.Stat()
	if err != nil {
		return true
	}
	named, err := os.Stat(l.Path)
	return err == nil && !os.SameFile(open, named)
}

func (l *tail) last() string {
	return strings.Join(l.lines[max(0, len(l.lines)-20):], "\n")
}

func (l *tail) close() {
	if l.file != nil {
		_ = l.file.Close()
		l.file = nil
	}
}
