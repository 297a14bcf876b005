package proc

import (
	"bufio"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// A StartReason says why a program did not start.
type StartReason string

// The reasons of a [StartError].
const (
	NotFound           StartReason = "no such file"
	NotExecutable      StartReason = "not executable"
	IsDirectory        StartReason = "is a directory"
	MissingInterpreter StartReason = "missing interpreter"
	ExecFormat         StartReason = "exec format error"
	PermissionDenied   StartReason = "permission denied"
	BadDirectory       StartReason = "cannot enter the working directory"
	BadCredential      StartReason = "cannot change to the user"
	NoResources        StartReason = "out of processes or memory"
	TooManyArguments   StartReason = "arguments and environment too long"
	OtherReason        StartReason = "cannot execute"
)

// A StartError tells why a program did not start. The kernel gives only a
// number for the whole of fork, chdir, setuid and exec, so Reason and Detail
// are the best explanation found afterwards.
type StartError struct {
	Path   string
	Reason StartReason
	Detail string // what is missing or denied; may be empty
	Err    error  // the system's error
}

// Error returns one line for a log.
func (e *StartError) Error() string {
	text := fmt.Sprintf("cannot start %s: %s", e.Path, e.Reason)
	if e.Detail != "" {
		text += " (" + e.Detail + ")"
	}
	return text + ": " + e.Err.Error()
}

// Unwrap returns the system's error.
func (e *StartError) Unwrap() error { return e.Err }

// explain finds out why s did not start.
func explain(s *Spec, err error) error {
	e := &StartError{Path: s.Path, Err: err, Reason: OtherReason}
	path := s.Path
	if s.Dir != "" && !filepath.IsAbs(path) {
		path = filepath.Join(s.Dir, path)
	}
	switch {
	case errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.ENOMEM):
		e.Reason = NoResources
	case errors.Is(err, syscall.E2BIG):
		e.Reason = TooManyArguments
	case !canEnter(s.Dir):
		e.Reason, e.Detail = BadDirectory, s.Dir
	case errors.Is(err, syscall.ENOEXEC), errors.Is(err, syscall.ELIBBAD):
		e.Reason, e.Detail = ExecFormat, whyNotExecutable(path)
	case errors.Is(err, syscall.ENOENT), errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.ELOOP):
		e.explainMissing(path)
	case errors.Is(err, syscall.EACCES):
		e.explainDenied(path)
	case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EINVAL):
		e.Reason = PermissionDenied
		if s.Credential != nil {
			e.Reason, e.Detail = BadCredential, fmt.Sprintf("uid %d, gid %d", s.Credential.Uid, s.Credential.Gid)
		}
	}
	return e
}

// explainMissing tells a missing program from a missing interpreter.
func (e *StartError) explainMissing(path string) {
	if _, err := os.Stat(path); err != nil {
		e.Reason = NotFound
		if _, err := os.Lstat(path); err == nil {
			e.Detail = "dangling link"
		}
		return
	}
	e.Reason = MissingInterpreter
	e.Detail = interpreter(path)
}

// explainDenied tells a file that is not executable from one that cannot be
// reached or whose interpreter is denied.
func (e *StartError) explainDenied(path string) {
	e.Reason = PermissionDenied
	info, err := os.Stat(path)
	switch {
	case err != nil:
		e.Detail = "a directory above it"
	case info.IsDir():
		e.Reason = IsDirectory
	case info.Mode().Perm()&0o111 == 0:
		e.Reason, e.Detail = NotExecutable, "mode "+info.Mode().Perm().String()
	default:
		if name := interpreter(path); name != "" && unix.Access(name, unix.X_OK) != nil {
			e.Detail = "interpreter " + name
		}
	}
}

// whyNotExecutable describes a file that has the right to be executed and yet
// is no program.
func whyNotExecutable(path string) string {
	file, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer file.Close()
	first, _ := bufio.NewReaderSize(file, 256).Peek(4)
	switch {
	case len(first) == 0:
		return "empty file"
	case string(first) == "\x7fELF":
		return "a program for another machine"
	case !strings.HasPrefix(string(first), "#!"):
		return "no #! line"
	default:
		return ""
	}
}

// interpreter returns the program that the #! line or the ELF header of path
// asks for, or an empty string.
func interpreter(path string) string {
	file, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer file.Close()
	first, _ := bufio.NewReaderSize(file, 512).Peek(512)
	if rest, ok := strings.CutPrefix(string(first), "#!"); ok {
		line, _, _ := strings.Cut(rest, "\n")
		name, _, _ := strings.Cut(strings.TrimLeft(line, " \t"), " ")
		if name, ok := strings.CutSuffix(name, "\r"); ok {
			return name + `\r` // written on another system: name it as it is
		}
		return strings.TrimRight(name, "\t")
	}
	program, err := elf.NewFile(file)
	if err != nil {
		return ""
	}
	for _, segment := range program.Progs {
		if segment.Type == elf.PT_INTERP && segment.Filesz < unix.PathMax {
			name := make([]byte, segment.Filesz)
			if _, err := segment.ReadAt(name, 0); err == nil {
				return strings.TrimRight(string(name), "\x00")
			}
		}
	}
	return ""
}

func canEnter(dir string) bool {
	if dir == "" {
		return true
	}
	info, err := os.Stat(dir)
	return err == nil && info.IsDir() && unix.Access(dir, unix.X_OK) == nil
}
