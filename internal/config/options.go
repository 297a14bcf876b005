package config

import (
	"io/fs"
	"os"
	"os/user"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/internal/logfile"
)

// Options are the circumstances under which Load reads a configuration. The
// zero value is an ordinary user who starts anyfpm under its own name.
type Options struct {
	// Prefix is the global prefix (-p); empty for the built-in ones. Paths are
	// absolute only if it is.
	Prefix string
	// PID is the pid file of -g, which the files may replace.
	PID string
	// PHP says that the program stands in for php-fpm: the default runner is
	// php, default names are php-fpm's, and faults are php-fpm's lines.
	PHP bool
	// Root says that the effective user is root, AllowRoot that workers may be
	// root as well (-R).
	Root, AllowRoot bool
	// Test asks for the checks of -t: users and groups are looked up in any
	// case, and what is said only at a real start is not said.
	Test bool
	// Getenv looks up ${NAME}, env[K] = $NAME and WATCHDOG_USEC; nil for
	// os.Getenv.
	Getenv func(name string) string
	// Settings are the php.ini entries of -d; ${NAME} finds them before the
	// environment.
	Settings map[string]string
	// PHPProgram is the program of runner = php without runner.command; empty
	// for php-cgi.
	PHPProgram string
	// PHPArguments are the options of the command line that are php-cgi's,
	// each word by itself: -c FILE, -n and -d NAME=VALUE.
	PHPArguments []string
	// Constants are PHP constants beyond the built-in ones, such as
	// PHP_VERSION, that an unquoted word of a value may name.
	Constants map[string]string
	// System is how files and users are reached; nil funcs are the real ones.
	System System
}

// System is what Load needs of the operating system.
type System struct {
	ReadFile func(path string) ([]byte, error)
	// Glob returns the matches of a pattern in order, directories with a slash
	// at the end, or ErrGlobAborted.
	Glob func(pattern string) ([]string, error)
	Stat func(path string) (fs.FileInfo, error)
	// CreateLog opens a log file for appending, creating it with mode 0600 if
	// need be, and closes it again. php-fpm does so while it validates, and so
	// does Load, unless a file could not be read.
	CreateLog func(path string) error
	// LookupUser finds a user by name, or by number if id holds; nil if there
	// is none.
	LookupUser func(name string, id bool) *User
	// LookupGroup finds the number of a named group.
	LookupGroup func(name string) (gid uint32, ok bool)
}

// A User is an entry of the user database.
type User struct {
	Name, Home string
	UID, GID   uint32
	Groups     []uint32
}

// withDefaults fills in the real functions.
func (o Options) withDefaults() Options {
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	sys := &o.System
	if sys.ReadFile == nil {
		sys.ReadFile = os.ReadFile
	}
	if sys.Glob == nil {
		sys.Glob = glob
	}
	if sys.Stat == nil {
		sys.Stat = os.Stat
	}
	if sys.CreateLog == nil {
		sys.CreateLog = createLog
	}
	if sys.LookupUser == nil {
		sys.LookupUser = lookupUser
	}
	if sys.LookupGroup == nil {
		sys.LookupGroup = lookupGroup
	}
	return o
}

// createLog opens a log as it is opened to be written: standard error by one of
// its names can be used where the name cannot be opened, as in a container.
func createLog(path string) error {
	fd, err := logfile.OpenFD(path)
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

func lookupUser(name string, id bool) *User {
	lookup := user.Lookup
	if id {
		lookup = user.LookupId
	}
	u, err := lookup(name)
	if err != nil {
		return nil
	}
	found := &User{Name: u.Username, Home: u.HomeDir, UID: parseID(u.Uid), GID: parseID(u.Gid)}
	groups, err := u.GroupIds()
	if err != nil {
		groups = []string{u.Gid} // initgroups(3) always gives at least this one
	}
	for _, g := range groups {
		found.Groups = append(found.Groups, parseID(g))
	}
	return found
}

func lookupGroup(name string) (uint32, bool) {
	g, err := user.LookupGroup(name)
	if err != nil {
		return 0, false
	}
	return parseID(g.Gid), true
}

// parseID reads a number of digits alone; too large a one is cut off, as by
// strtoul and a 32-bit id.
func parseID(s string) uint32 {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		n = 1<<64 - 1
	}
	return uint32(n)
}
