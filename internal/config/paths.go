package config

import "strings"

// The prefixes relative paths have when neither the pool nor -p gives one:
// those of Debian's php-fpm.
const (
	builtinPrefix = "/usr"
	statePrefix   = "/var" // for the pid file and the error log
)

// fullPath makes path absolute: below the pool's prefix, else the global one,
// else builtin.
func (l *loader) fullPath(path string, pool *Pool, builtin string) string {
	if strings.HasPrefix(path, "/") {
		return path
	}
	path = l.prefixOf(pool, builtin) + "/" + path
	if pool != nil {
		return l.fullPath(path, nil, builtin) // the pool's prefix may be relative
	}
	return path
}

// prefixOf is what a relative path of a pool is below.
func (l *loader) prefixOf(pool *Pool, builtin string) string {
	switch {
	case pool != nil && pool.given.has("prefix"):
		return pool.Prefix
	case l.opt.Prefix != "":
		return l.opt.Prefix
	default:
		return builtin
	}
}

// isDir reports whether path is an existing directory.
func (l *loader) isDir(path string) bool {
	info, err := l.opt.System.Stat(path)
	return err == nil && info.IsDir()
}
