package gateway

import (
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
)

// A targetKind says what a URL leads to.
type targetKind uint8

const (
	isRefused   targetKind = iota // nothing; see status
	isFile                        // a file to send
	isScript                      // something for the backend
	isDirectory                   // a directory whose URL lacks the final slash
)

// A target is what a URL leads to.
type target struct {
	kind   targetKind
	status int // with isRefused
	// name is the file below the root, without a leading slash. It is empty
	// for an application.
	name string
	// pathInfo is the part of the path behind a script.
	pathInfo string
}

func refused(status int) target { return target{kind: isRefused, status: status} }

// resolve finds what a URL leads to, inside root.
func (g *Gateway) resolve(root *os.Root, u *url.URL) target {
	if status := badPath(u); status != 0 {
		return refused(status)
	}
	if slices.Contains(g.cfg.Virtual, u.Path) {
		return target{kind: isScript, name: strings.Trim(u.Path, "/")}
	}
	t := g.walk(root, u.Path)
	if g.cfg.Application && (t.kind == isRefused || t.kind == isScript) {
		return target{kind: isScript, pathInfo: u.Path}
	}
	return t
}

// badPath returns the status to refuse a path with that leads nowhere good, or
// 0. An encoded slash cannot be told from a real one once the path is decoded,
// and CGI decodes it; so it is refused, as Apache does by default.
func badPath(u *url.URL) int {
	if !strings.HasPrefix(u.Path, "/") || strings.ContainsRune(u.Path, 0) {
		return http.StatusBadRequest
	}
	if strings.Count(u.EscapedPath(), "/") != strings.Count(u.Path, "/") {
		return http.StatusNotFound
	}
	for part := range strings.SplitSeq(u.Path, "/") {
		if part == "." || part == ".." {
			return http.StatusBadRequest
		}
	}
	return 0
}

// walk follows a path down from the root, to a file or a directory. Empty
// parts of the path count for nothing, except behind a script.
func (g *Gateway) walk(root *os.Root, path string) target {
	name := "."
	for rest := path; ; {
		rest = strings.TrimLeft(rest, "/")
		part, after, _ := strings.Cut(rest, "/")
		if part == "" {
			return g.index(root, name)
		}
		if hidden(part) {
			return refused(http.StatusNotFound)
		}
		name = join(name, part)
		info, err := root.Stat(name)
		switch {
		case err != nil:
			return refused(statusOf(err))
		case info.IsDir() && rest == part:
			return target{kind: isDirectory, name: name}
		case info.IsDir():
			rest = after
		case !info.Mode().IsRegular():
			return refused(http.StatusForbidden)
		case g.scriptFile(info):
			return target{kind: isScript, name: name, pathInfo: rest[len(part):]}
		case rest == part:
			return target{kind: isFile, name: name}
		default:
			return refused(http.StatusNotFound)
		}
	}
}

// index finds what stands for a directory.
func (g *Gateway) index(root *os.Root, dir string) target {
	for _, index := range g.cfg.Index {
		name := join(dir, index)
		info, err := root.Stat(name)
		switch {
		case err != nil || !info.Mode().IsRegular():
		case g.scriptFile(info):
			return target{kind: isScript, name: name}
		default:
			return target{kind: isFile, name: name}
		}
	}
	return refused(http.StatusForbidden)
}

// scriptFile reports whether a regular file is to be run and not to be sent.
func (g *Gateway) scriptFile(info fs.FileInfo) bool {
	if info.Mode()&0o111 != 0 {
		return true
	}
	name := strings.ToLower(info.Name())
	return slices.ContainsFunc(g.cfg.ScriptExtensions, func(ext string) bool {
		return strings.HasSuffix(name, strings.ToLower(ext))
	})
}

// hidden reports whether a file of this name is nobody's business: a dotfile,
// or the backup that an editor made of a script.
func hidden(name string) bool {
	return strings.HasPrefix(name, ".") || strings.HasSuffix(name, "~")
}

func join(dir, name string) string {
	if dir == "." {
		return name
	}
	return dir + "/" + name
}

// statusOf returns the status for a file that cannot be looked at. A link that
// leads out of the root is as good as none.
func statusOf(err error) int {
	if errors.Is(err, fs.ErrPermission) {
		return http.StatusForbidden
	}
	return http.StatusNotFound
}

// redirectToDirectory adds the slash that relative links need.
func redirectToDirectory(w http.ResponseWriter, r *http.Request, t target) {
	// A "#" has no place in a query; in Location it would begin a fragment.
	query := strings.ReplaceAll(r.URL.RawQuery, "#", "%23")
	to := url.URL{Path: "/" + t.name + "/", RawQuery: query}
	status := http.StatusMovedPermanently
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		status = http.StatusPermanentRedirect
	}
	http.Redirect(w, r, to.String(), status)
}
