package listen

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// A Spec is what a pool says about one of its sockets.
type Spec struct {
	Pool    string // for messages
	Address string // host:port, port, or the path of a unix socket
	Backlog int    // -1 is the system's limit
	// The rest is for unix sockets only. Owner and Group are names or numbers,
	// empty for those of the process; the name of an owner stands for its group,
	// too. Mode is octal, empty for 0660.
	Owner string
	Group string
	Mode  string
	// ACLUsers and ACLGroups are names separated by commas. With any of them
	// Owner and Group are not used; each gets read and write access.
	ACLUsers  string
	ACLGroups string
}

// A Socket is a listening socket.
type Socket struct {
	// FD is non-blocking and closed on exec. It stays the Table's.
	FD int
	// Key is the address it is bound to; two sockets never have the same.
	Key string

	spec Spec
	file fileID // of a unix socket, so that another's is never unlinked
}

// fileID tells a file from one that took its name later.
type fileID struct {
	path     string
	dev, ino uint64
}

func (s *Socket) listen() error {
	if err := unix.Listen(s.FD, s.spec.Backlog); err != nil {
		return fmt.Errorf("failed to listen to address '%s': %w", s.spec.Address, err)
	}
	return nil
}

// close ends the socket and removes its file if that is still its own.
func (s *Socket) close() {
	_ = unix.Close(s.FD) // a listening socket has nothing to lose
	s.file.remove()
}

// Gone says that the file of a unix socket was removed, so that nobody can
// connect any more. A socket that came with the environment from somebody else
// is never gone.
func (s *Socket) Gone() bool {
	if s.file.path == "" {
		return false
	}
	var st unix.Stat_t
	return unix.Lstat(s.file.path, &st) == unix.ENOENT
}

func identify(path string) fileID {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return fileID{}
	}
	return fileID{path: path, dev: st.Dev, ino: st.Ino}
}

func (id fileID) remove() {
	if id.path != "" && identify(id.path) == id {
		_ = unix.Unlink(id.path) // its directory may have become another's
	}
}
