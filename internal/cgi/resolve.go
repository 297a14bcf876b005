package cgi

import (
	"sort"
	"strings"
)

// An Outcome says whether a request has a script, and if not, why.
type Outcome uint8

const (
	// Found means that the script is a regular file that may be run.
	Found Outcome = iota
	// NoScript means that the parameters name no script.
	NoScript
	// NotFound means that neither the path nor a leading part of it is a regular file.
	NotFound
	// DotDot means that the script's path has a ".." component.
	DotDot
	// ExtensionDenied means that security.limit_extensions does not list the
	// script's.
	ExtensionDenied
	// NotPermitted means that the pool's user may not read or execute the script.
	NotPermitted
	// IsDirectory means that the path is a directory.
	IsDirectory
	// Missing means that the path was not to be searched and does not exist.
	Missing
)

var outcomeNames = [...]string{ //nolint:gochecknoglobals // a table, never changed
	Found:           "found",
	NoScript:        "no script",
	NotFound:        "not found",
	DotDot:          "dot-dot in path",
	ExtensionDenied: "extension denied",
	NotPermitted:    "not permitted",
	IsDirectory:     "is a directory",
	Missing:         "missing",
}

// String returns the outcome in words.
func (o Outcome) String() string { return outcomeNames[o] }

// A Resolution is the answer to: which script is this request for?
type Resolution struct {
	Outcome Outcome
	// Script is the path of the script, or of what was taken for it when the
	// outcome is not Found. It is empty for NoScript.
	Script string
	// URI is what php-fpm calls the request URI: SCRIPT_NAME after all
	// corrections, without a query. pm.status_path and ping.path are compared
	// with it, whatever the outcome, and %r and the status page show it. It is
	// nil when the request has none.
	URI []byte
}

// Info is what a [StatFunc] tells about a path.
type Info struct {
	Regular bool // a regular file
	Dir     bool // a directory
	// Readable and Executable tell what the pool's user may do. Only those
	// that a resolver asks for are looked at.
	Readable   bool
	Executable bool
}

// A StatFunc looks up a path as stat(2) does: symbolic links are followed, and
// a path with a regular file where a directory should be is an error.
type StatFunc func(path string) (Info, error)

// scriptEnd finds the regular file that path goes through: the first end bytes
// of path name it. ok is false when there is none. It asks for few of the
// prefixes, since those before the file are directories and those behind it do
// not exist; not for path itself.
func scriptEnd(stat StatFunc, path string) (end int, info Info, ok bool) {
	var room [32]int
	ends := room[:0]
	for i := 1; i < len(path); i++ {
		if path[i] == '/' && path[i-1] != '/' {
			ends = append(ends, i)
		}
	}
	n := sort.Search(len(ends), func(i int) bool {
		info, err := stat(path[:ends[i]])
		return err != nil || !info.Dir
	})
	if n == len(ends) {
		return 0, Info{}, false
	}
	info, err := stat(path[:ends[n]])
	return ends[n], info, err == nil && info.Regular
}

// hasDotDot reports whether path has a ".." component.
func hasDotDot(path string) bool {
	for part := range strings.SplitSeq(path, "/") {
		if part == ".." {
			return true
		}
	}
	return false
}

// extensionAllowed applies security.limit_extensions: the path must be longer
// than one of the extensions and end in it. No extensions allow everything.
func extensionAllowed(path string, extensions []string) bool {
	for _, ext := range extensions {
		if len(path) > len(ext) && strings.HasSuffix(path, ext) {
			return true
		}
	}
	return len(extensions) == 0
}
