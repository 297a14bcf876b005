package procfs

import (
	"fmt"
	"strings"
)

// An Owner is who a process runs as: what somebody else must be to read it.
type Owner struct {
	UID, GID int // effective
}

// Owner reads who a process runs as.
func (fs FS) Owner(pid int) (Owner, error) {
	b, err := read(fs.path(pid, "status"), 16<<10)
	if err != nil {
		return Owner{}, fmt.Errorf("cannot read the owner of process %d: %w", pid, err)
	}
	o, err := parseOwner(string(b))
	if err != nil {
		return Owner{}, fmt.Errorf("cannot read the owner of process %d: %w", pid, err)
	}
	return o, nil
}

// parseOwner finds the lines with the real, effective, saved and file system
// ids.
func parseOwner(status string) (Owner, error) {
	var o Owner
	found := 0
	for line := range strings.Lines(status) {
		var effective *int
		switch {
		case strings.HasPrefix(line, "Uid:"):
			effective = &o.UID
		case strings.HasPrefix(line, "Gid:"):
			effective = &o.GID
		default:
			continue
		}
		var realID int
		if _, err := fmt.Sscan(line[len("Uid:"):], &realID, effective); err != nil {
			return Owner{}, fmt.Errorf("%q: %w", line, err)
		}
		found++
	}
	if found != 2 {
		return Owner{}, fmt.Errorf("no Uid and Gid")
	}
	return o, nil
}
