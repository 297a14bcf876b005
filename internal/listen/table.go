package listen

import (
	"cmp"
	"log/slog"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/internal/logfile"
)

// A Table holds the listening sockets of a service. It is not safe for
// concurrent use.
type Table struct {
	log       *slog.Logger
	sockets   map[string]*Socket // by Key, but see disown
	inherited []string           // keys of Inherit, until they were mentioned
}

// NewTable returns an empty table that writes php-fpm's lines to log.
func NewTable(log *slog.Logger) *Table {
	return &Table{log: log, sockets: map[string]*Socket{}}
}

// Open returns the socket for spec: the one the table has at that address, or
// a new one, also in place of one that is gone. Errors have php-fpm's texts.
func (t *Table) Open(spec Spec) (*Socket, error) {
	a, err := parse(spec.Address)
	if err != nil {
		return nil, err
	}
	if a.path != "" {
		t.warnOfACL(spec)
		old := t.sockets[a.path]
		if old != nil && !old.Gone() {
			return old, t.reuse(old, spec)
		}
		s, err := openUnix(spec)
		if old != nil && err == nil {
			t.disown(old)
		}
		return t.add(s, err)
	}
	addresses, err := resolve(a)
	if err != nil {
		return nil, err
	}
	for _, sa := range addresses {
		name, _ := key(sa)
		if s := t.sockets[name]; s != nil {
			return s, t.reuse(s, spec)
		}
	}
	s, err := openTCP(spec, a, addresses, t.log)
	return t.add(s, err)
}

func (t *Table) add(s *Socket, err error) (*Socket, error) {
	if err != nil {
		return nil, err
	}
	t.sockets[s.Key] = s
	return s, nil
}

// disown takes a socket that is gone from its address. It stays in the table
// for those who still accept on it. The file there is another's, which may even
// have the number that its own had.
func (t *Table) disown(s *Socket) {
	s.file = fileID{}
	t.sockets[s.Key+"\x00"+strconv.Itoa(s.FD)] = s
}

// warnOfACL says in php-fpm's words (fpm_unix.c, fpm_unix_resolve_socket_permissions)
// what an access list makes useless.
func (t *Table) warnOfACL(spec Spec) {
	if !spec.hasACL() {
		return
	}
	for _, ignored := range []struct{ name, value string }{{"owner", spec.Owner}, {"group", spec.Group}} {
		if ignored.value != "" {
			logfile.Printf(t.log, logfile.LevelWarning, "[pool %s] ACL set, listen.%s = '%s' is ignored", spec.Pool, ignored.name, ignored.value)
		}
	}
}

// reuse brings a socket up to date with a changed configuration. An inherited
// one stays as its maker made it, as in php-fpm.
func (t *Table) reuse(s *Socket, spec Spec) error {
	old := s.spec
	s.spec = spec
	if old == (Spec{}) || old == spec {
		return nil
	}
	if s.file.path != "" {
		if err := s.setPermissions(); err != nil {
			return err
		}
	}
	if old.Backlog == spec.Backlog {
		return nil
	}
	return s.listen()
}

// LogInherited writes php-fpm's line for each inherited socket, once.
func (t *Table) LogInherited() {
	for _, name := range t.inherited {
		if s := t.sockets[name]; s != nil {
			logfile.Printf(t.log, logfile.LevelNotice, "using inherited socket fd=%d, \"%s\"", s.FD, s.Key)
		}
	}
	t.inherited = nil
}

// Sockets returns all sockets in the order of their descriptors.
func (t *Table) Sockets() []*Socket {
	all := make([]*Socket, 0, len(t.sockets))
	for _, s := range t.sockets {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *Socket) int { return cmp.Compare(a.FD, b.FD) })
	return all
}

// CloseUnused closes the sockets that are not in use and removes the files of
// unix sockets among them.
func (t *Table) CloseUnused(inUse func(*Socket) bool) {
	for name, s := range t.sockets {
		if !inUse(s) {
			s.close()
			delete(t.sockets, name)
		}
	}
}

// Close closes all sockets and removes the files of unix sockets.
func (t *Table) Close() {
	t.CloseUnused(func(*Socket) bool { return false })
}

// Release closes the table's descriptors and leaves the files of unix sockets
// where they are: for the process that has handed the sockets on.
func (t *Table) Release() {
	for name, s := range t.sockets {
		_ = unix.Close(s.FD) // a listening socket has nothing to lose
		delete(t.sockets, name)
	}
}

// SetLog makes log the one for the lines to come.
func (t *Table) SetLog(log *slog.Logger) { t.log = log }
