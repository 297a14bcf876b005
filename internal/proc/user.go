package proc

import (
	"fmt"
	"os/user"
	"slices"
	"strconv"
)

// A User is what a process can run as.
type User struct {
	UID    int
	GID    int
	Groups []int // supplementary groups, with GID
	// Name and Home are empty for a number that is nobody's.
	Name string
	Home string
}

// LookupUser returns the user called name, or of that number, with group as
// the primary group instead of the user's own unless it is empty.
func LookupUser(name, group string) (*User, error) {
	u, err := lookupUser(name)
	if err != nil {
		return nil, err
	}
	if group == "" {
		return u, nil
	}
	old := u.GID
	if u.GID, err = GroupID(group); err != nil {
		return nil, err
	}
	// initgroups(3) has the primary group it is given, not the user's own.
	u.Groups = slices.DeleteFunc(u.Groups, func(gid int) bool { return gid == old && old != u.GID })
	if !slices.Contains(u.Groups, u.GID) {
		u.Groups = append([]int{u.GID}, u.Groups...)
	}
	return u, nil
}

func lookupUser(name string) (*User, error) {
	number := isNumber(name)
	var found *user.User
	var err error
	if number {
		found, err = user.LookupId(name)
	} else {
		found, err = user.Lookup(name)
	}
	if err != nil && !number {
		return nil, fmt.Errorf("cannot get uid for user '%s'", name)
	}
	if err != nil {
		id, err := strconv.Atoi(name)
		if err != nil {
			return nil, fmt.Errorf("cannot get uid for user '%s'", name)
		}
		return &User{UID: id, GID: id, Groups: []int{id}}, nil
	}
	u := &User{Name: found.Username, Home: found.HomeDir}
	ids, err := found.GroupIds()
	if err != nil {
		return nil, fmt.Errorf("cannot get the groups of user '%s': %w", name, err)
	}
	for _, text := range append(ids, found.Uid, found.Gid) {
		id, err := strconv.Atoi(text)
		if err != nil {
			return nil, fmt.Errorf("cannot use the ids of user '%s': %w", name, err)
		}
		u.Groups = append(u.Groups, id)
	}
	n := len(ids)
	u.UID, u.GID, u.Groups = u.Groups[n], u.Groups[n+1], u.Groups[:n:n]
	return u, nil
}

// UserID returns the number of the user called name, or name itself if it is
// a number.
func UserID(name string) (int, error) {
	if isNumber(name) {
		return strconv.Atoi(name)
	}
	u, err := lookupUser(name)
	if err != nil {
		return 0, err
	}
	return u.UID, nil
}

// OwnerIDs returns what listen.owner stands for: the number of the user called
// name and that of its group, or name itself and -1 if it is a number.
func OwnerIDs(name string) (uid, gid int, err error) {
	if isNumber(name) {
		uid, err = strconv.Atoi(name)
		return uid, -1, err
	}
	u, err := lookupUser(name)
	if err != nil {
		return 0, 0, err
	}
	return u.UID, u.GID, nil
}

// GroupID returns the number of the group called name, or name itself if it
// is a number.
func GroupID(name string) (int, error) {
	text := name
	if !isNumber(name) {
		g, err := user.LookupGroup(name)
		if err != nil {
			return 0, fmt.Errorf("cannot get gid for group '%s'", name)
		}
		text = g.Gid
	}
	return strconv.Atoi(text)
}

// isNumber tells digits, which php-fpm takes for an id, from a name.
func isNumber(name string) bool {
	for _, c := range []byte(name) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return name != ""
}
