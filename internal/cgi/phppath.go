package cgi

import (
	"bytes"
	"io/fs"
)

// A pathFix is one run of php-fpm's path correction (cgi.fix_pathinfo=1). It
// remembers what the web server sent, since most steps compare with it.
type pathFix struct {
	*PHPResolver
	p          *Params
	apache     bool   // SCRIPT_FILENAME was a mod_proxy URL
	redirected bool   // PATH_TRANSLATED and REDIRECT_URL name the script
	script     []byte // the path of the script as far as known
	name       []byte // SCRIPT_NAME as far as known

	origFile, origName, origInfo, origTranslated []byte
}

func (r *PHPResolver) newPathFix(p *Params, apache bool) pathFix {
	f := pathFix{
		PHPResolver:    r,
		p:              p,
		apache:         apache,
		origFile:       p.Get("SCRIPT_FILENAME"),
		origName:       p.Get("SCRIPT_NAME"),
		origInfo:       p.Get("PATH_INFO"),
		origTranslated: p.Get("PATH_TRANSLATED"),
	}
	f.script, f.name = f.origFile, f.origName
	if f.script == nil {
		f.script = f.origTranslated
	}
	return f
}

// resolve runs the correction.
func (f *pathFix) resolve() Resolution {
	f.followRedirect()
	path := string(f.script)
	info, err := Info{}, error(fs.ErrNotExist)
	if path != "" {
		info, err = f.Stat(path)
		if err != nil || path[len(path)-1] == '/' {
			return f.search(path)
		}
	}
	f.accept()
	return Resolution{Outcome: f.judge(path, info, err), Script: path, URI: f.p.Get("SCRIPT_NAME")}
}

// followRedirect believes PATH_TRANSLATED and REDIRECT_URL rather than
// SCRIPT_FILENAME and SCRIPT_NAME, which name the interpreter when Apache runs
// it as an action.
func (f *pathFix) followRedirect() {
	url := f.p.Get("REDIRECT_URL")
	if f.apache || f.origTranslated == nil || url == nil || bytes.Equal(f.origTranslated, f.script) {
		return
	}
	f.script, f.name, f.redirected = f.origTranslated, url, true
}

// accept takes a path that exists.
func (f *pathFix) accept() {
	if f.origFile == nil || !bytes.Equal(f.script, f.origFile) {
		f.keep("ORIG_SCRIPT_FILENAME", f.origFile)
		f.p.Set("SCRIPT_FILENAME", f.script)
	}
	if !f.apache && f.p.Has("REDIRECT_URL") {
		f.keep("ORIG_PATH_INFO", f.origInfo)
		f.p.Delete("PATH_INFO")
		f.keep("ORIG_PATH_TRANSLATED", f.origTranslated)
		f.p.Delete("PATH_TRANSLATED")
	}
	if f.redirected {
		f.keep("ORIG_SCRIPT_NAME", f.origName)
		f.p.Set("SCRIPT_NAME", f.name)
	}
}

// search looks for a regular file that path goes through.
func (f *pathFix) search(path string) Resolution {
	end, info, ok := scriptEnd(f.Stat, path)
	if !ok {
		f.keep("ORIG_SCRIPT_FILENAME", f.origFile)
		f.p.Delete("SCRIPT_FILENAME")
		f.renameScript()
		return Resolution{Outcome: NotFound, Script: path, URI: f.p.Get("SCRIPT_NAME")}
	}
	if !f.split(end) {
		f.renameScript()
	}
	found := f.script[:end]
	f.translate(found)
	if f.origFile != nil && bytes.Equal(f.origFile, found) {
		// PATH_TRANSLATED was followed and leads through SCRIPT_FILENAME.
		// php-fpm misses that and tries to open all of PATH_TRANSLATED.
		info, err := f.Stat(path)
		return Resolution{Outcome: f.judge(path, info, err), Script: path, URI: f.p.Get("SCRIPT_NAME")}
	}
	f.keep("ORIG_SCRIPT_FILENAME", f.origFile)
	f.p.Set("SCRIPT_FILENAME", found)
	return Resolution{Outcome: f.judge(path[:end], info, nil), Script: path[:end], URI: f.p.Get("SCRIPT_NAME")}
}

// split corrects PATH_INFO and SCRIPT_NAME once the script is known to be the
// first end bytes of the path. It reports whether it settled SCRIPT_NAME.
func (f *pathFix) split(end int) (named bool) {
	if f.apache {
		return f.splitApache(f.script[end:])
	}
	// The path info is as long as what was stripped from the path. Without
	// the comparison this read before the beginning of PATH_INFO
	// (CVE-2019-11043).
	cut := len(f.origInfo) - (len(f.script) - end)
	if cut <= 0 {
		return false
	}
	f.takeName(f.origInfo[:cut])
	f.p.Set("PATH_INFO", f.origInfo[cut:])
	return true
}

// splitApache is split for a mod_proxy URL, of which tail follows the script.
func (f *pathFix) splitApache(tail []byte) (named bool) {
	if f.origInfo != nil {
		if bytes.Equal(f.origInfo, tail) {
			return false
		}
		f.takeName(f.origInfo)
		f.p.Set("PATH_INFO", tail)
		return true
	}
	decoded, _ := decodePercent(nil, tail)
	if cutTail(&f.name, tail) || cutTail(&f.name, decoded) {
		f.keep("ORIG_SCRIPT_NAME", f.origName)
		f.p.Set("SCRIPT_NAME", f.name)
		named = true
	}
	if f.DecodePathInfo && f.name != nil {
		tail = decoded
	}
	f.p.Set("PATH_INFO", tail)
	return named
}

// takeName makes the front part of a PATH_INFO the script's name.
func (f *pathFix) takeName(name []byte) {
	f.keep("ORIG_PATH_INFO", f.origInfo)
	if f.origName != nil && bytes.Equal(f.origName, name) {
		return
	}
	f.keep("ORIG_SCRIPT_NAME", f.origName)
	f.p.Set("SCRIPT_NAME", name)
}

// renameScript gives the script the name that followRedirect found.
func (f *pathFix) renameScript() {
	if f.redirected && (f.origName == nil || !bytes.Equal(f.origName, f.name)) {
		f.keep("ORIG_SCRIPT_NAME", f.origName)
		f.p.Set("SCRIPT_NAME", f.name)
	}
}

// translate makes PATH_TRANSLATED from the document root, given or guessed
// from the script's path and name.
func (f *pathFix) translate(script []byte) {
	root := f.p.Get("DOCUMENT_ROOT")
	switch {
	case root != nil:
		root = bytes.TrimSuffix(root, []byte("/"))
	case f.name != nil && bytes.Contains(script, f.name):
		root = script[:len(script)-len(f.name)]
	default:
		return
	}
	f.keep("ORIG_PATH_TRANSLATED", f.origTranslated)
	f.p.SetString("PATH_TRANSLATED", string(root)+string(f.p.Get("PATH_INFO")))
}

// keep stores what the web server sent, if it sent it, under another name.
func (f *pathFix) keep(name string, value []byte) {
	if value != nil {
		f.p.Set(name, value)
	}
}

// cutTail removes tail from the end of name if something remains.
func cutTail(name *[]byte, tail []byte) bool {
	if len(*name) <= len(tail) || !bytes.HasSuffix(*name, tail) {
		return false
	}
	*name = (*name)[:len(*name)-len(tail)]
	return true
}
