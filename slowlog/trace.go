package slowlog

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"time"
)

// traceTimeout is how long Trace looks at a process.
const traceTimeout = 2 * time.Second

// Trace writes what a process is doing now, for a person to read. It fails if
// there is no such process or w fails; what could not be found out is part of
// the text.
func Trace(w io.Writer, pid int) error {
	t, err := Open(pid, Options{})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), traceTimeout)
	defer cancel()
	r := t.Report(ctx)
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "process %d  %s\n", pid, clean(t.fs.Command(pid)))
	fmt.Fprintf(out, "  waits in  %s\n", r.Wait)
	for _, s := range r.Stacks {
		writeStack(out, s)
	}
	if len(r.Children) > 0 {
		fmt.Fprintf(out, "\nchildren\n")
	}
	depth := map[int]int{pid: 0}
	for _, c := range r.Children {
		depth[c.PID] = depth[c.Parent] + 1
		fmt.Fprintf(out, "%*s%d  %s: %s\n", 2*depth[c.PID], "", c.PID, c.Command, c.Wait)
	}
	for _, note := range r.Notes {
		fmt.Fprintf(out, "\nnote: %s\n", note)
	}
	return out.Flush()
}

func writeStack(out io.Writer, s Stack) {
	fmt.Fprintf(out, "\n%s\n", title(s))
	for _, f := range s.Frames {
		fmt.Fprintf(out, "  %s\n", describe(f))
	}
	if s.Truncated {
		fmt.Fprintf(out, "  … and more\n")
	}
}

// describe is a frame as a line of text.
func describe(f Frame) string {
	text := f.Func
	if text == "" {
		text = "?"
	}
	if f.File != "" {
		text += fmt.Sprintf("  %s:%d", f.File, f.Line)
	}
	if f.Module != "" {
		text += "  (" + filepath.Base(f.Module) + ")"
	}
	return text
}
