package runner

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/internal/config"
)

// Check tells whether the program of a pool's workers can be executed, and what
// to install if not. Scripts are not programs in this sense.
func Check(pool *config.Pool) error {
	if len(pool.RunnerCommand) == 0 {
		return nil
	}
	root := ""
	if os.Geteuid() == 0 {
		root = pool.Chroot
	}
	_, err := findBelow(root, pool.RunnerCommand[0], pool.Runner)
	return err
}

// locate fills in the file of a plan's program. It looks for each start: a pool
// whose program is missing has failed, and serves when that is there.
func locate(plan Plan, kind config.RunnerKind) (Plan, error) {
	var err error
	plan.Path, err = findProgram(plan.Args[0], kind)
	return plan, err
}

// findProgram returns the file of a program: name itself if it has a slash,
// else the first executable of that name in the usual directories. The pool's
// environment has no say in it.
func findProgram(name string, kind config.RunnerKind) (string, error) {
	return findBelow("", name, kind)
}

// findBelow is findProgram for a process whose root is another.
func findBelow(root, name string, kind config.RunnerKind) (string, error) {
	if strings.Contains(name, "/") {
		if err := executable(root + name); err != nil {
			return "", fmt.Errorf("cannot run %s: %w%s", name, err, hint(name, kind))
		}
		return name, nil
	}
	for _, dir := range filepath.SplitList(strings.TrimPrefix(defaultPath, "PATH=")) {
		if path := filepath.Join(dir, name); executable(root+path) == nil {
			return path, nil
		}
	}
	if root != "" {
		return "", fmt.Errorf("cannot find the program %s below the chroot %s, where it and all that it needs must be", name, root)
	}
	return "", fmt.Errorf("cannot find the program %s%s", name, hint(name, kind))
}

// hint names the Debian package of a runner's own program, which has the
// package's name. What runner.command names is the operator's.
func hint(name string, kind config.RunnerKind) string {
	var pkg string
	switch kind {
	case config.RunnerPHP:
		pkg = "php-cgi"
	case config.RunnerPython, config.RunnerWSGI:
		pkg = "python3"
	case config.RunnerPerl:
		pkg = "perl"
	case config.RunnerRuby:
		pkg = "ruby"
	case config.RunnerCGI, config.RunnerFastCGI:
		return ""
	}
	if filepath.Base(name) != pkg {
		return ""
	}
	return "; install the package " + pkg + " or set runner.command"
}

func executable(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return &os.PathError{Op: "run", Path: path, Err: unix.EISDIR}
	}
	return unix.Access(path, unix.X_OK)
}
