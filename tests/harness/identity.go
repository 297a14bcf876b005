package harness

import (
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// An Identity is whom a service runs as.
type Identity struct {
	// Name says it in test names: root, nobody, or the current user.
	Name string
	// UID and GID are those of the service's master.
	UID, GID uint32
	// PoolUser is the user and group of the pools; empty where the master may
	// not change it.
	PoolUser string
}

// Identities lists the ways to run a service here. Root has two: as root with
// pools of www-data, and as nobody, so that one run covers both; an ordinary
// user has himself.
func Identities() []Identity {
	if os.Getuid() != 0 {
		return []Identity{Current()}
	}
	return []Identity{Current(), Nobody()}
}

// Current is the identity of the test itself. As root its pools run as
// www-data.
func Current() Identity {
	self := Identity{Name: strconv.Itoa(os.Getuid()), UID: uint32(os.Getuid()), GID: uint32(os.Getgid())}
	if u, err := user.Current(); err == nil {
		self.Name = u.Username
	}
	if self.UID == 0 {
		self.PoolUser = "www-data"
	}
	return self
}

// Nobody is the user nobody; only root can use it.
func Nobody() Identity {
	id := Identity{Name: "nobody", UID: 65534, GID: 65534}
	if u, err := user.Lookup("nobody"); err == nil {
		id.UID, id.GID = number(u.Uid), number(u.Gid)
	}
	return id
}

// Workers returns the uid and gid of scripts.
func (id Identity) Workers() (uid, gid uint32) {
	if id.PoolUser == "" {
		return id.UID, id.GID
	}
	u, err := user.Lookup(id.PoolUser)
	if err != nil {
		return id.UID, id.GID
	}
	return number(u.Uid), number(u.Gid)
}

// credential is nil where the identity is the test's own.
func (id Identity) credential() *syscall.Credential {
	if id.UID == uint32(os.Getuid()) {
		return nil
	}
	return &syscall.Credential{Uid: id.UID, Gid: id.GID}
}

func number(s string) uint32 {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return 65534
	}
	return uint32(n)
}
