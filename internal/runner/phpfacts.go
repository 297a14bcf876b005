package runner

import (
	"bytes"
	"strconv"
	"strings"
)

// PHPFacts are what answers depend on that php-fpm gives without running a
// script.
type PHPFacts struct {
	Version     string // PHP_VERSION; empty when it is not known
	FixPathinfo bool   // cgi.fix_pathinfo
	DiscardPath bool   // cgi.discard_path
	DocRoot     string // doc_root
	ExposePHP   bool   // expose_php
}

// phpInquiry is the program of [PHP.Inquiry].
const phpInquiry = `<?php
foreach (['cgi.fix_pathinfo', 'cgi.discard_path', 'doc_root', 'expose_php'] as $name) {
    echo "\nanyfpm:$name=", ini_get($name);
}
echo "\nanyfpm:version=", PHP_VERSION, "\n";
`

// ParsePHPFacts reads what the process of [PHP.Inquiry] printed. Without an
// answer in it the facts are those of PHP's defaults, with no version.
func ParsePHPFacts(output []byte) PHPFacts {
	facts := PHPFacts{FixPathinfo: true}
	for line := range bytes.SplitSeq(output, []byte("\n")) {
		name, value, ok := strings.Cut(string(line), "=")
		name, ours := strings.CutPrefix(name, "anyfpm:")
		if !ok || !ours {
			continue
		}
		switch name {
		case "version":
			facts.Version = value
		case "cgi.fix_pathinfo":
			facts.FixPathinfo = isOn(value)
		case "cgi.discard_path":
			facts.DiscardPath = isOn(value)
		case "doc_root":
			facts.DocRoot = value
		case "expose_php":
			facts.ExposePHP = isOn(value)
		}
	}
	return facts
}

// isOn reads a boolean of php.ini.
func isOn(value string) bool {
	switch strings.ToLower(value) {
	case "on", "yes", "true":
		return true
	}
	n, _ := strconv.Atoi(strings.TrimSpace(value))
	return n != 0
}

// PoweredBy is the value of PHP's X-Powered-By, empty if it is not to be sent.
func (f PHPFacts) PoweredBy() string {
	if !f.ExposePHP || f.Version == "" {
		return ""
	}
	return "PHP/" + f.Version
}

// DecodesPathInfo says that php-fpm of this version takes a PATH_INFO from
// Apache's URL without its percent-encoding: since 8.4.
func (f PHPFacts) DecodesPathInfo() bool {
	major, rest, _ := strings.Cut(f.Version, ".")
	minor, _, _ := strings.Cut(rest, ".")
	m, err := strconv.Atoi(major)
	n, err2 := strconv.Atoi(minor)
	return err == nil && err2 == nil && (m > 8 || m == 8 && n >= 4)
}
