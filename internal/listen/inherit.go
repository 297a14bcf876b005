package listen

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	// fpmSockets and its continuations, FPM_SOCKETS_1 and so on, have
	// "key=fd,key=fd" for up to fpmPerVariable sockets each.
	fpmSockets      = "FPM_SOCKETS"
	fpmPerVariable  = 128
	fpmMaxVariables = 256

	// foreignSockets has, in the same form, the unix sockets whose files are
	// somebody else's to remove: systemd's.
	foreignSockets = "ANYFPM_FOREIGN_SOCKETS"

	// systemd passes LISTEN_FDS descriptors from 3 on to the process LISTEN_PID.
	systemdFirst  = 3
	systemdMaxFDs = 4096
)

// Inherit takes over the listening sockets that environ tells of. A
// descriptor that is not a listening stream socket is left alone. What no
// [Table.Open] asks for is closed by [Table.CloseUnused].
func (t *Table) Inherit(environ []string) {
	get := func(name string) string {
		for _, entry := range environ {
			if value, ok := strings.CutPrefix(entry, name+"="); ok {
				return value
			}
		}
		return ""
	}
	for _, fd := range fromFPM(get) {
		if s := t.adopt(fd); s != nil && strings.HasPrefix(s.Key, "/") {
			s.file = identify(s.Key)
		}
	}
	for _, fd := range fromSystemd(get) {
		t.adopt(fd) // the file of a unix socket is systemd's
	}
	for _, fd := range descriptors(get(foreignSockets)) {
		t.adopt(fd)
	}
}

// StripEnviron returns environ without the variables that Inherit reads: they
// are for one process only.
func StripEnviron(environ []string) []string {
	var rest []string
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		switch {
		case name == foreignSockets, name == fpmSockets, strings.HasPrefix(name, fpmSockets+"_"):
		case name == "LISTEN_FDS", name == "LISTEN_PID", name == "LISTEN_FDNAMES":
		default:
			rest = append(rest, entry)
		}
	}
	return rest
}

// Environ returns the variables for [Table.Inherit] of the program that this
// process executes next. The descriptors must be made to survive that; see
// [Table.KeepOnExec].
func (t *Table) Environ() []string {
	var environ, entries, foreign []string
	flush := func() {
		if len(entries) == 0 {
			return
		}
		environ = append(environ, variable(len(environ))+"="+strings.Join(entries, ","))
		entries = nil
	}
	for _, s := range t.Sockets() {
		entry := fmt.Sprintf("%s=%d", s.Key, s.FD)
		if strings.HasPrefix(s.Key, "/") && s.file.path == "" {
			foreign = append(foreign, entry)
			continue
		}
		entries = append(entries, entry)
		if len(entries) == fpmPerVariable {
			flush()
		}
	}
	flush()
	if len(foreign) > 0 {
		environ = append(environ, foreignSockets+"="+strings.Join(foreign, ","))
	}
	return environ
}

// KeepOnExec makes all sockets survive an exec, or not.
func (t *Table) KeepOnExec(keep bool) error {
	flags := unix.FD_CLOEXEC
	if keep {
		flags = 0
	}
	for _, s := range t.sockets {
		if _, err := unix.FcntlInt(uintptr(s.FD), unix.F_SETFD, flags); err != nil {
			return fmt.Errorf("cannot keep the socket of %s: %w", s.Key, err)
		}
	}
	return nil
}

func variable(i int) string {
	if i == 0 {
		return fpmSockets
	}
	return fpmSockets + "_" + strconv.Itoa(i)
}

func fromFPM(get func(string) string) []int {
	var fds []int
	for i := range fpmMaxVariables {
		value := get(variable(i))
		if value == "" {
			break
		}
		fds = append(fds, descriptors(value)...)
	}
	return fds
}

// descriptors are those of "key=fd,key=fd".
func descriptors(list string) []int {
	var fds []int
	for entry := range strings.SplitSeq(list, ",") {
		// The key may have an equals sign, and the socket knows its name.
		if fd, err := strconv.Atoi(entry[strings.LastIndexByte(entry, '=')+1:]); err == nil {
			fds = append(fds, fd)
		}
	}
	return fds
}

func fromSystemd(get func(string) string) []int {
	if get("LISTEN_PID") != strconv.Itoa(os.Getpid()) {
		return nil
	}
	count, err := strconv.Atoi(get("LISTEN_FDS"))
	if err != nil || count > systemdMaxFDs {
		return nil
	}
	var fds []int
	for i := range count {
		fds = append(fds, systemdFirst+i)
	}
	return fds
}

// adopt puts an inherited socket into the table, if it is of use.
func (t *Table) adopt(fd int) *Socket {
	if fd < systemdFirst || !listening(fd) {
		return nil
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return nil
	}
	name, ok := key(sa)
	if _, twice := t.sockets[name]; !ok || twice {
		return nil
	}
	unix.CloseOnExec(fd)
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil
	}
	s := &Socket{FD: fd, Key: name}
	t.sockets[name] = s
	t.inherited = append(t.inherited, name)
	return s
}

// listening tells whether fd is a listening stream socket.
func listening(fd int) bool {
	kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil || kind != unix.SOCK_STREAM {
		return false
	}
	accepts, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	return err == nil && accepts == 1
}
