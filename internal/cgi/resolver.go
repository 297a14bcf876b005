package cgi

import (
	"bytes"
	"strings"
)

// A Resolver finds the script of a request for runners other than php.
//
// The script is what SCRIPT_FILENAME names or, without it, SCRIPT_NAME below
// DOCUMENT_ROOT. When that leads through a regular file, this file is the
// script and what follows it belongs to PATH_INFO; when it is a directory, the
// search goes on down into the PATH_INFO that the web server gave. So every
// way in which a web server splits a URL, or does not, comes to the same
// result.
type Resolver struct {
	// Stat looks at the file system. It must be set.
	Stat StatFunc
	// Extensions is security.limit_extensions; empty allows all.
	Extensions []string
	// Execute demands that the script be executable; otherwise it has to be
	// readable.
	Execute bool
}

// Resolve finds the script that p asks for. If there is one, SCRIPT_FILENAME,
// SCRIPT_NAME, PATH_INFO and PATH_TRANSLATED of p are put right where they are
// missing or wrong; otherwise p is left alone.
func (r *Resolver) Resolve(p *Params) Resolution {
	path, ok := candidate(p)
	if !ok {
		return Resolution{Outcome: NoScript, URI: p.Get("SCRIPT_NAME")}
	}
	info, err := r.Stat(path)
	outcome := Found
	switch {
	case err != nil:
		path, info, outcome = r.ascend(p, path)
	case info.Dir:
		path, info, outcome = r.descend(p, path)
	case !info.Regular:
		outcome = NotFound
	}
	if outcome == Found {
		p.SetString("SCRIPT_FILENAME", path)
		translate(p)
		outcome = r.judge(path, info)
	}
	return Resolution{Outcome: outcome, Script: path, URI: p.Get("SCRIPT_NAME")}
}

// judge decides whether a script that exists may be run.
func (r *Resolver) judge(path string, info Info) Outcome {
	switch {
	case hasDotDot(path):
		return DotDot
	case !extensionAllowed(path, r.Extensions):
		return ExtensionDenied
	case r.Execute && !info.Executable, !r.Execute && !info.Readable:
		return NotPermitted
	}
	return Found
}

// candidate returns the path to look at first. ok is false when there is none
// or it is not absolute.
func candidate(p *Params) (path string, ok bool) {
	file, _ := stripProxyURL(p.Get("SCRIPT_FILENAME"))
	path = string(file)
	if path == "" {
		name := p.Get("SCRIPT_NAME")
		if len(name) == 0 || name[0] != '/' || len(p.Get("DOCUMENT_ROOT")) == 0 {
			return "", false
		}
		path = documentRoot(p) + string(name)
	}
	return path, path[0] == '/' && strings.IndexByte(path, 0) < 0
}

// ascend looks for a script that path leads through and moves what follows it
// from SCRIPT_NAME, if it is there, to PATH_INFO.
func (r *Resolver) ascend(p *Params, path string) (string, Info, Outcome) {
	end, info, ok := scriptEnd(r.Stat, path)
	if !ok {
		return path, info, NotFound
	}
	tail := []byte(path[end:])
	name := p.Get("SCRIPT_NAME")
	if decoded, _ := decodePercent(nil, tail); bytes.HasSuffix(name, decoded) {
		tail = decoded // Apache encodes the path after proxy:fcgi://
	}
	if len(name) > len(tail) && bytes.HasSuffix(name, tail) {
		p.Set("SCRIPT_NAME", name[:len(name)-len(tail)])
	}
	if pathInfo := p.Get("PATH_INFO"); !bytes.HasSuffix(pathInfo, tail) {
		tail = append(tail, pathInfo...)
	}
	p.Set("PATH_INFO", tail)
	p.Delete("PATH_TRANSLATED")
	return path[:end], info, Found
}

// descend looks for a script below the directory dir, on the way that
// PATH_INFO leads, and moves the way to it from PATH_INFO to SCRIPT_NAME.
func (r *Resolver) descend(p *Params, dir string) (string, Info, Outcome) {
	pathInfo := p.Get("PATH_INFO")
	if len(pathInfo) == 0 || pathInfo[0] != '/' || bytes.IndexByte(pathInfo, 0) >= 0 {
		return dir, Info{}, IsDirectory
	}
	root := strings.TrimSuffix(dir, "/")
	path := root + string(pathInfo)
	end := len(path)
	info, err := r.Stat(path)
	if err != nil {
		var ok bool
		if end, info, ok = scriptEnd(r.Stat, path); !ok {
			return path, info, NotFound
		}
	} else if !info.Regular {
		return path, info, IsDirectory
	}
	way := path[len(root):end]
	name := bytes.TrimSuffix(p.Get("SCRIPT_NAME"), []byte("/"))
	p.SetString("SCRIPT_NAME", string(name)+way)
	p.Set("PATH_INFO", pathInfo[len(way):])
	p.Delete("PATH_TRANSLATED")
	return path[:end], info, Found
}

// translate sets PATH_TRANSLATED for a PATH_INFO that has none (RFC 3875
// §4.1.6).
func translate(p *Params) {
	pathInfo := p.Get("PATH_INFO")
	if len(pathInfo) == 0 || p.Has("PATH_TRANSLATED") || !p.Has("DOCUMENT_ROOT") {
		return
	}
	p.SetString("PATH_TRANSLATED", documentRoot(p)+string(pathInfo))
}

// documentRoot returns DOCUMENT_ROOT without its final slash.
func documentRoot(p *Params) string {
	return string(bytes.TrimSuffix(p.Get("DOCUMENT_ROOT"), []byte("/")))
}
