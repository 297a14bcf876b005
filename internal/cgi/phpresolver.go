package cgi

import (
	"bytes"
	"errors"
	"io/fs"
)

// A PHPResolver finds the script of a request exactly as php-fpm does
// (init_request_info in fpm_main.c), so that a php-cgi behind it, which lacks
// some of these rules and php-fpm's check against CVE-2019-11043, gets
// parameters that need no more correction.
type PHPResolver struct {
	// Stat looks at the file system. It must be set.
	Stat StatFunc
	// Extensions is security.limit_extensions; empty allows all.
	Extensions []string
	// NoFixPathinfo is cgi.fix_pathinfo=0: SCRIPT_FILENAME is taken at its word.
	NoFixPathinfo bool
	// DiscardPath is cgi.discard_path=1; it counts with NoFixPathinfo alone.
	DiscardPath bool
	// DocRoot is the doc_root of php.ini; it stands in for a missing
	// DOCUMENT_ROOT. Empty for none.
	DocRoot string
	// DecodePathInfo removes the percent-encoding of a PATH_INFO taken from an
	// Apache ProxyPass URL, as php-fpm does since 8.4.
	DecodePathInfo bool
}

// Resolve finds the script that p asks for and corrects p, keeping what it
// changes in ORIG_ parameters. p may be changed whatever the outcome.
func (r *PHPResolver) Resolve(p *Params) Resolution {
	if !p.Has("SCRIPT_FILENAME") && !p.Has("PATH_TRANSLATED") {
		return Resolution{Outcome: NoScript}
	}
	fixIIS(p)
	file, apache := stripProxyURL(p.Get("SCRIPT_FILENAME"))
	if file != nil {
		p.Set("SCRIPT_FILENAME", file)
	}
	if r.NoFixPathinfo {
		return r.takeAtItsWord(p)
	}
	if r.DocRoot != "" && !p.Has("DOCUMENT_ROOT") {
		p.SetString("DOCUMENT_ROOT", r.DocRoot)
	}
	fix := r.newPathFix(p, apache)
	return fix.resolve()
}

// fixIIS takes SCRIPT_NAME off the front of PATH_INFO, where Microsoft's IIS
// puts it.
func fixIIS(p *Params) {
	name, pathInfo := p.Get("SCRIPT_NAME"), p.Get("PATH_INFO")
	if name == nil || pathInfo == nil || !bytes.HasPrefix(pathInfo, name) ||
		!bytes.HasPrefix(p.Get("SERVER_SOFTWARE"), []byte("Microsoft-IIS")) {
		return
	}
	p.Set("ORIG_PATH_INFO", pathInfo)
	if len(pathInfo) == len(name) {
		p.Delete("PATH_INFO")
		return
	}
	p.Set("PATH_INFO", pathInfo[len(name):])
}

// takeAtItsWord is cgi.fix_pathinfo=0.
func (r *PHPResolver) takeAtItsWord(p *Params) Resolution {
	uri := p.Get("PATH_INFO")
	if uri == nil {
		uri = p.Get("SCRIPT_NAME")
	}
	script := p.Get("SCRIPT_FILENAME")
	if translated := p.Get("PATH_TRANSLATED"); translated != nil && (script == nil || !r.DiscardPath) {
		script = translated
	}
	res := Resolution{Script: string(script), URI: uri}
	info, err := r.Stat(res.Script)
	res.Outcome = r.judge(res.Script, info, err)
	return res
}

// judge decides whether php-fpm would open the script.
func (r *PHPResolver) judge(path string, info Info, err error) Outcome {
	switch {
	case hasDotDot(path):
		return DotDot
	case !extensionAllowed(path, r.Extensions):
		return ExtensionDenied
	case errors.Is(err, fs.ErrPermission), err == nil && info.Regular && !info.Readable:
		return NotPermitted
	case err != nil:
		return Missing
	case !info.Regular:
		return IsDirectory
	}
	return Found
}
