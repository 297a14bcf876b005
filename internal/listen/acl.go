package listen

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/internal/proc"
)

// The kernel's form of a POSIX access list (linux/posix_acl_xattr.h).
const (
	aclAttribute = "system.posix_acl_access"
	aclVersion   = 2

	aclUserObj  = 0x01
	aclUser     = 0x02
	aclGroupObj = 0x04
	aclGroup    = 0x08
	aclMask     = 0x10
	aclOther    = 0x20

	aclReadWrite = 6
	aclNoID      = 0xffffffff
)

type aclEntry struct {
	tag, permissions uint16
	id               uint32
}

// accessList is nil when a pool has none.
type accessList []aclEntry

// hasACL tells whether anybody is named in the lists of s.
func (s Spec) hasACL() bool {
	return strings.Trim(s.ACLUsers+s.ACLGroups, ", \t") != ""
}

// parseACL returns the list that gives everybody named read and write access
// and the rest what mode says.
func parseACL(spec Spec, mode uint32) (accessList, error) {
	var list accessList
	for _, kind := range []struct {
		names  string
		tag    uint16
		lookup func(string) (int, error)
	}{{spec.ACLUsers, aclUser, proc.UserID}, {spec.ACLGroups, aclGroup, proc.GroupID}} {
		for name := range strings.SplitSeq(kind.names, ",") {
			name = strings.TrimSpace(name)
			if name == "" {
				continue
			}
			id, err := kind.lookup(name)
			if err != nil {
				return nil, fmt.Errorf("[pool %s] %w", spec.Pool, err)
			}
			list = append(list, aclEntry{kind.tag, aclReadWrite, uint32(id)})
		}
	}
	if list == nil {
		return nil, nil
	}
	group := uint16(mode >> 3 & 7)
	list = append(list,
		aclEntry{aclUserObj, uint16(mode >> 6 & 7), aclNoID},
		aclEntry{aclGroupObj, group, aclNoID},
		aclEntry{aclMask, group | aclReadWrite, aclNoID},
		aclEntry{aclOther, uint16(mode & 7), aclNoID})
	slices.SortFunc(list, func(a, b aclEntry) int {
		return cmp.Or(cmp.Compare(a.tag, b.tag), cmp.Compare(a.id, b.id))
	})
	return slices.Compact(list), nil
}

// set gives the socket of spec the list.
func (l accessList) set(spec Spec) error {
	if l == nil {
		return nil
	}
	if err := unix.Lsetxattr(spec.Address, aclAttribute, l.encode(), 0); err != nil {
		return fmt.Errorf("[pool %s] failed to write the ACL of the socket '%s': %w", spec.Pool, spec.Address, err)
	}
	return nil
}

func (l accessList) encode() []byte {
	b := binary.LittleEndian.AppendUint32(nil, aclVersion)
	for _, e := range l {
		b = binary.LittleEndian.AppendUint16(b, e.tag)
		b = binary.LittleEndian.AppendUint16(b, e.permissions)
		b = binary.LittleEndian.AppendUint32(b, e.id)
	}
	return b
}
