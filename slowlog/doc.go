// Package slowlog says where a process is: which function of which file at
// which line, called from where, and what it waits for. It is what a pool's
// slow log is made of, and works for Python, PHP, Perl and Ruby, for Go, for
// native code that is blocked, and, for any program at all, down to the
// system call, the file or the address it waits on and its child processes.
//
//	target, err := slowlog.Open(pid, slowlog.Options{})
//	report := target.Report(ctx)
//
// A sample is a look from outside. The process is never stopped, signalled or
// traced and does not know: all there is are reads of its memory and of
// /proc. So what is read may be changing. A stack is believed when two walks
// in a row agree on it, and every value on the way is checked for being what
// it must be; a stack that did not hold still says so in its note.
//
// It needs the right to read the process: to run as its user, or CAP_SYS_PTRACE.
// As root without that capability, which is how containers run, it uses a
// thread that has the process's user ids. What cannot be read is said in the
// report's notes; a report always has at least the process tree.
//
// An interpreter is recognised by what it exports, not by its name, and by
// versions whose layout is known. One that is not known is named in a note and
// never guessed at. The tables are made by slowlog/internal/offgen.
//
// [AppendPHPFPM] and [AppendJSON] make an entry of a slow log of a report and
// the request it is about. [Trace] prints one report for a person.
package slowlog
