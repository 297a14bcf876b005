package listen

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// A Handed is a socket that one image of a process hands to the next. Unlike
// the variables of [Table.Environ] it says all that the table knows.
type Handed struct {
	FD   int    `json:"fd"`
	Key  string `json:"key"`
	Spec Spec   `json:"spec"`
	// The file of a unix socket, if it is the table's to remove.
	Path string `json:"path,omitempty"`
	Dev  uint64 `json:"dev,omitempty"`
	Ino  uint64 `json:"ino,omitempty"`
}

// Hand returns all sockets for the Take of the next image. Their descriptors
// must be made to survive.
func (t *Table) Hand() []Handed {
	var list []Handed
	for _, s := range t.Sockets() {
		list = append(list, Handed{FD: s.FD, Key: s.Key, Spec: s.spec, Path: s.file.path, Dev: s.file.dev, Ino: s.file.ino})
	}
	return list
}

// Take takes over the sockets that the image before has handed on.
func (t *Table) Take(list []Handed) error {
	for _, h := range list {
		if !listening(h.FD) {
			return fmt.Errorf("cannot take over the socket of %s: descriptor %d does not listen", h.Key, h.FD)
		}
		unix.CloseOnExec(h.FD)
		t.sockets[h.Key] = &Socket{FD: h.FD, Key: h.Key, spec: h.Spec, file: fileID{h.Path, h.Dev, h.Ino}}
	}
	return nil
}

// Get returns the socket with this key, or nil.
func (t *Table) Get(key string) *Socket { return t.sockets[key] }
