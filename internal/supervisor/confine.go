package supervisor

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/internal/config"
	"github.com/anyfpm/anyfpm/internal/control"
	"github.com/anyfpm/anyfpm/internal/proc"
)

// confine applies the pool's limits and gives up root for good. Nothing of a
// request has been read before. It returns the user whose name and home workers
// get: as in php-fpm the pool's if it is named and not numbered, without root
// our own.
func (s *session) confine() (*proc.User, error) {
	pool := &s.start.Pool
	root := os.Geteuid() == 0
	if pool.ProcessPriority != nil && root {
		if err := proc.SetNice(*pool.ProcessPriority); err != nil {
			return nil, err
		}
	}
	if pool.RlimitCore != 0 {
		value := uint64(pool.RlimitCore)
		if pool.RlimitCore < 0 {
			value = proc.Unlimited
		}
		if err := proc.SetLimit(proc.Limit{Resource: unix.RLIMIT_CORE, Value: value}); err != nil {
			s.log.Error(err.Error())
		}
	}
	var user *proc.User
	if pool.User != "" && root {
		var err error
		if user, err = proc.LookupUser(pool.User, pool.Group); err != nil {
			return nil, err
		}
	}
	if pool.Chroot != "" && root {
		if err := proc.Chroot(pool.Chroot); err != nil {
			return nil, err
		}
	}
	if pool.Chdir != "" {
		if err := os.Chdir(pool.Chdir); err != nil {
			return nil, fmt.Errorf("failed to chdir(%s): %w", pool.Chdir, err)
		}
	}
	if user != nil {
		if err := proc.DropTo(user); err != nil {
			return nil, err
		}
	}
	if pool.ProcessDumpable {
		if err := proc.SetDumpable(true); err != nil {
			return nil, err
		}
	}
	switch {
	case !root:
		return proc.LookupUser(strconv.Itoa(os.Geteuid()), "")
	case isNumber(pool.User):
		return nil, nil
	default:
		return user, nil
	}
}

// environment is what every worker of the pool gets: nothing but env[] and
// the user's HOME and USER, unless clear_env = no. The first definition of a
// variable wins. The order, which PHP's getenv() shows, is php-fpm's: it has
// env[] from the last to the first (fpm_env.c).
func environment(pool *config.Pool, user *proc.User) []string {
	var env []string
	if !pool.ClearEnv {
		env = slices.DeleteFunc(os.Environ(), func(entry string) bool { return !strings.Contains(entry, "=") })
	}
	own := map[string]bool{}
	set := func(key, value string) {
		own[key] = true
		entry := key + "=" + value
		if i := slices.IndexFunc(env, func(e string) bool { return strings.HasPrefix(e, key+"=") }); i >= 0 {
			env[i] = entry
			return
		}
		env = append(env, entry)
	}
	for _, kv := range slices.Backward(pool.Env) {
		set(kv.Key, kv.Value)
	}
	if user != nil && user.Name != "" {
		for _, kv := range []config.KeyValue{{Key: "USER", Value: user.Name}, {Key: "HOME", Value: user.Home}} {
			if !own[kv.Key] {
				set(kv.Key, kv.Value)
			}
		}
	}
	return env
}

func isNumber(s string) bool {
	_, err := strconv.ParseUint(s, 10, 64)
	return err == nil
}

// limitFiles arranges that processes are born with rlimit_files. A Go program
// raises its own soft limit at its start and gives the one it found back to
// what it executes, so the program is executed once more with that limit.
func limitFiles() error {
	value, set := os.LookupEnv(control.FilesVariable)
	if !set {
		return nil
	}
	files, err := strconv.ParseUint(value, 10, 31)
	if err != nil {
		return fmt.Errorf("cannot read %s: %w", control.FilesVariable, err)
	}
	if err := os.Unsetenv(control.FilesVariable); err != nil {
		return fmt.Errorf("cannot unset %s: %w", control.FilesVariable, err)
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("cannot read the limit of open files: %w", err)
	}
	limit.Cur = files
	limit.Max = max(limit.Max, files)
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		// As in php-fpm's children, that is no reason not to serve.
		fmt.Fprintf(os.Stderr, "ERROR: failed to set rlimit_files for this pool. Please check your system limits or decrease rlimit_files. setrlimit(RLIMIT_NOFILE, %d): %v\n", files, err)
		return nil
	}
	if err := syscall.Exec("/proc/self/exe", os.Args, os.Environ()); err != nil {
		return fmt.Errorf("cannot execute the supervisor again: %w", err)
	}
	return nil
}
