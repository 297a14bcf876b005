package golden

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// An Interpreter runs programs of a language.
type Interpreter struct {
	Language
	Name    string   // python-3.11.2, say
	Command []string // and the path of the program after it
	// Root is the directory the interpreter believes to be /, if it is another
	// one than ours.
	Root string
}

// A Process is a program that has said where it is and is blocked there.
type Process struct {
	PID  int
	File string // of the program, as it sees it
	Said []Call // what it said, innermost first
	stop func()
}

// Start runs a program until it has said where it is. It writes the program
// to dir, a directory under the interpreter's root.
func (i Interpreter) Start(dir, source string) (*Process, error) {
	path := filepath.Join(dir, "program."+i.Ext)
	if err := os.WriteFile(path, []byte(source), 0o644); err != nil {
		return nil, err
	}
	file := "/" + strings.TrimLeft(strings.TrimPrefix(path, i.Root), "/")
	cmd := exec.Command(i.Command[0], append(i.Command[1:len(i.Command):len(i.Command)], file)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "PERL_BADLANG=0", "PYTHONIOENCODING=utf-8", "RUBYOPT=-Ku")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &Process{PID: cmd.Process.Pid, File: file, stop: func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
	}}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if lines.Text() == End {
			return p, nil
		}
		if c, ok := parseCall(lines.Text()); ok {
			p.Said = append(p.Said, c)
		}
	}
	p.stop()
	return nil, fmt.Errorf("%s ended before it said where it is", path)
}

// Stop ends the process.
func (p *Process) Stop() { p.stop() }

// parseCall reads "name:line". What else a program prints - php-cgi's headers
// - has no number.
func parseCall(s string) (Call, bool) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return Call{}, false
	}
	line, err := strconv.Atoi(s[i+1:])
	return Call{s[:i], line}, err == nil
}

// Compare returns the frames that were found and those that should have been,
// both in a form in which they are equal if the sampler is right.
func (i Interpreter) Compare(p *Process, found []Call) (got, want []Call) {
	want = i.expect(p.Said)
	return i.find(found, want), want
}
