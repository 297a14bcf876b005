package harness

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// A Sandbox is the directory of one test. Its path is short, because unix
// socket addresses are, and every user may enter it.
type Sandbox struct {
	// Dir is the directory itself.
	Dir string
	// Run is for sockets and pid files, Logs for logs, Tmp for temporary
	// files: the service under test may write to these. WWW is its document
	// root; only the test writes there.
	Run, Logs, Tmp, WWW string

	t T
}

// NewSandbox makes the directories for a service that runs as id. They are
// removed after the test.
func NewSandbox(t T, id Identity) *Sandbox {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "anyfpm-")
	if err != nil {
		t.Fatalf("cannot make a sandbox: %v", err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("cannot remove the sandbox: %v", err)
		}
	})
	s := &Sandbox{
		Dir: dir, t: t,
		Run: filepath.Join(dir, "run"), Logs: filepath.Join(dir, "log"),
		Tmp: filepath.Join(dir, "tmp"), WWW: filepath.Join(dir, "www"),
	}
	err = os.Chmod(dir, 0o755)
	for _, sub := range []string{s.Run, s.Logs, s.Tmp} {
		err = errors.Join(err, os.Mkdir(sub, 0o755), os.Chown(sub, int(id.UID), int(id.GID)))
	}
	// Supervisors of another user keep their temporary files there too.
	err = errors.Join(err, os.Mkdir(s.WWW, 0o755), os.Chmod(s.Tmp, 0o777|fs.ModeSticky))
	if err != nil {
		t.Fatalf("cannot make a sandbox: %v", err)
	}
	return s
}

// For returns the same sandbox for a subtest.
func (s *Sandbox) For(t T) *Sandbox {
	sub := *s
	sub.t = t
	return &sub
}

// Script writes an executable file below the document root and returns its
// path.
func (s *Sandbox) Script(name, text string) string {
	s.t.Helper()
	return s.write(name, text, 0o755)
}

// File writes a file that is not executable below the document root and
// returns its path.
func (s *Sandbox) File(name, text string) string {
	s.t.Helper()
	return s.write(name, text, 0o644)
}

// Program compiles C source to an executable below the document root and
// returns its path. It is linked statically when flags say so.
func (s *Sandbox) Program(name, source string, flags ...string) string {
	s.t.Helper()
	path := filepath.Join(s.WWW, name)
	args := append([]string{"-O1", "-o", path, "-x", "c", "-"}, flags...)
	cc := exec.Command("cc", args...)
	cc.Stdin = strings.NewReader(source)
	if out, err := cc.CombinedOutput(); err != nil {
		s.t.Fatalf("cannot compile %s: %v\n%s\ninstall what scripts/install-test-deps lists", name, err, out)
	}
	return path
}

// Path returns a path in the sandbox.
func (s *Sandbox) Path(elem ...string) string {
	return filepath.Join(append([]string{s.Dir}, elem...)...)
}

// ReadFile returns the text of a file of the sandbox.
func (s *Sandbox) ReadFile(name string) string {
	s.t.Helper()
	text, err := os.ReadFile(s.Path(name))
	if err != nil {
		s.t.Fatalf("cannot read: %v", err)
	}
	return string(text)
}

// Remove removes a file of the sandbox.
func (s *Sandbox) Remove(name string) {
	s.t.Helper()
	if err := os.Remove(s.Path(name)); err != nil {
		s.t.Fatalf("cannot remove: %v", err)
	}
}

// Exists says whether the sandbox has such a file.
func (s *Sandbox) Exists(name string) bool {
	_, err := os.Lstat(s.Path(name))
	return err == nil
}

func (s *Sandbox) write(name, text string, mode fs.FileMode) string {
	s.t.Helper()
	path := filepath.Join(s.WWW, name)
	// A process forked by another test while this file is open for writing
	// would hold it open, and exec of it would fail with "text file busy".
	syscall.ForkLock.RLock()
	err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), mode))
	syscall.ForkLock.RUnlock()
	if err == nil {
		err = os.Chmod(path, mode) // whatever the umask
	}
	if err != nil {
		s.t.Fatalf("cannot write %s: %v", name, err)
	}
	return path
}

// leftovers lists what a service that has ended should have removed: sockets,
// pid files and temporary files.
func (s *Sandbox) leftovers() []string {
	var left []string
	for _, dir := range []string{s.Run, s.Tmp} {
		err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
			if path != dir {
				left = append(left, path)
			}
			return err
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			left = append(left, err.Error())
		}
	}
	return left
}

// dump puts the end of each log file into the test's output.
func (s *Sandbox) dump() {
	s.t.Helper()
	files, err := filepath.Glob(filepath.Join(s.Logs, "*"))
	if err != nil {
		return
	}
	for _, file := range files {
		if text, err := os.ReadFile(file); err == nil && len(text) > 0 {
			const tail = 4096
			s.t.Logf("%s:\n%s", filepath.Base(file), text[max(0, len(text)-tail):])
		}
	}
}
