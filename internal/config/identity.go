package config

import (
	"slices"
	"strings"
)

// resolve looks up the users and groups of all pools, and checks addresses, as
// php-fpm does last.
func (l *loader) resolve() {
	l.now = resolving
	for _, pool := range l.config.Pools {
		c := &poolCheck{loader: l, pool: pool}
		c.identity()
	}
	l.checkAddresses()
}

func (c *poolCheck) identity() {
	p := c.pool
	if c.opt.Test || c.opt.Root {
		c.worker()
	} else {
		c.ignoredWithoutRoot()
	}
	if c.opt.Test || p.Listen != "" && !isInet(p.Listen) {
		// php-fpm adds the errno of a look-up that found nothing.
		c.knownUser("listen.owner", p.ListenOwner, ": Success (0)")
		c.knownGroup("listen.group", p.ListenGroup, ": Success (0)")
	}
	if p.Listen != "" && !isInet(p.Listen) {
		c.accessList()
	}
}

// accessList looks up whom a socket's ACL names. php-fpm does so when it binds.
func (c *poolCheck) accessList() {
	for name := range strings.SplitSeq(c.pool.ListenACLUsers, ",") {
		c.knownUser("listen.acl_users", strings.TrimSpace(name), ": Success (0)")
	}
	for name := range strings.SplitSeq(c.pool.ListenACLGroups, ",") {
		c.knownGroup("listen.acl_groups", strings.TrimSpace(name), ": Success (0)")
	}
}

// worker resolves who the workers run as.
func (c *poolCheck) worker() {
	p := c.pool
	before := len(c.faults)
	found := c.knownUser("user", p.User, "")
	gid, grouped := c.knownGroup("group", p.Group, "")
	if !c.opt.Root || p.User == "" && p.Group == "" || len(c.faults) > before {
		return
	}
	var who Credential
	switch {
	case found != nil:
		who = Credential{UID: found.UID, GID: found.GID, Groups: found.Groups}
		if !isDigits(p.User) {
			who.User, who.Home = found.Name, found.Home
		}
	case p.User != "": // a number that nobody has
		who.UID = parseID(p.User)
	}
	if grouped && gid != who.GID {
		// initgroups(3) adds the group the process gets, not the user's own.
		who.Groups = slices.DeleteFunc(slices.Clone(who.Groups), func(g uint32) bool { return g == who.GID || g == gid })
		who.Groups = append(who.Groups, gid)
		who.GID = gid
	}
	if !c.opt.Test && !c.opt.AllowRoot && (who.UID == 0 || who.GID == 0) && c.sound("user", "group") {
		c.error("user", "please specify user and group other than root")
	}
	p.Credential = &who
}

// knownUser looks a user up; nil if there is none, which is a fault unless it
// is given by number.
func (c *poolCheck) knownUser(directive, name, suffix string) *User {
	if name == "" {
		return nil
	}
	if isDigits(name) {
		return c.opt.System.LookupUser(name, true)
	}
	found := c.opt.System.LookupUser(name, false)
	if found == nil {
		c.error(directive, "cannot get uid for user '%s'%s", name, suffix)
	}
	return found
}

// knownGroup looks a group up.
func (c *poolCheck) knownGroup(directive, name, suffix string) (gid uint32, ok bool) {
	if name == "" {
		return 0, false
	}
	if isDigits(name) {
		return parseID(name), true
	}
	gid, ok = c.opt.System.LookupGroup(name)
	if !ok {
		c.error(directive, "cannot get gid for group '%s'%s", name, suffix)
	}
	return gid, ok
}

// ignoredWithoutRoot says what an ordinary user's configuration asks in vain.
func (c *poolCheck) ignoredWithoutRoot() {
	p := c.pool
	if len(c.faults) > 0 && c.stage < resolving {
		return // php-fpm would not have come this far
	}
	for _, ask := range []struct {
		name string
		set  bool
	}{
		{"user", p.User != ""},
		{"group", p.Group != ""},
		{"chroot", p.Chroot != ""},
		{"process.priority", p.ProcessPriority != nil},
	} {
		if ask.set {
			c.remark(NoticeLevel, ask.name, "'%s' directive is ignored when FPM is not running as root", ask.name)
		}
	}
}
