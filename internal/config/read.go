package config

import (
	"fmt"
	"strings"
)

// maxIncludes is how deep includes may be nested, the main file being 1.
const maxIncludes = 5

// readFile reads one file into the configuration and reports whether it was
// without a fault. The section in force is left as the file's last one, for
// php-fpm's sections leak out of an included file.
func (l *loader) readFile(path string) bool {
	nowhere := place{file: path}
	if path == "" {
		l.unsure[nil] = true
		l.fault(nowhere, ErrorLevel, nil, "configuration filename is empty")
		return false
	}
	data, err := l.opt.System.ReadFile(path)
	if err != nil {
		l.unsure[l.current] = true
		l.fault(nowhere, ErrorLevel, nil, fmt.Sprintf("failed to open configuration file '%s': %s", path, errno(err)))
		return false
	}
	if l.depth >= maxIncludes {
		l.looped = true
		l.fault(nowhere, ErrorLevel, nil, "failed to include more than 5 files recursively")
		return false
	}
	l.depth++
	defer func() { l.depth-- }()
	clean, number := true, 0
	for line := range strings.SplitSeq(string(data), "\n") {
		number++
		if line != "" && !l.readLine(line, place{path, number}) {
			clean = false
		}
	}
	return clean
}

// readLine acts on the statements of one line and reports whether all was
// well with it.
func (l *loader) readLine(line string, at place) bool {
	before := len(l.faults)
	good := true
	include, included := "", false
	var set []string // directives, which a syntax error behind them spoils
	resolve := names{variable: l.variable, constant: l.constant}
	syntax := parseLine(line+"\n", resolve, func(s statement) {
		switch {
		case !good: // php-fpm ignores the rest of the line
		case s.kind == entryStatement && s.name == "include" && included:
			l.complain(at, "two includes at the same time !")
			good = false
		case s.kind == entryStatement && s.name == "include":
			include, included = s.value, true
		default:
			good = l.apply(s, at)
			if d := find(l.section().directives(), s.name); d != nil && s.kind == entryStatement {
				set = append(set, d.name)
			}
		}
	})
	if syntax != nil {
		l.unsure[l.current] = true
		l.complain(at, syntax.Error()+syntax.hint())
		good = false
		for _, name := range set {
			l.spoil(l.current, name)
		}
	}
	if included && good {
		good = l.include(include, at)
	}
	return good && len(l.faults) == before
}

// complain records a fault of a line, in php-fpm's form.
func (l *loader) complain(at place, text string) {
	l.fault(at, ErrorLevel, l.current, fmt.Sprintf("[%s:%d] %s", at.file, at.line, text))
}

// include reads the files that match a pattern.
func (l *loader) include(pattern string, at place) bool {
	if l.looped {
		return true
	}
	pattern = l.fullPath(pattern, nil, builtinPrefix)
	files, err := l.opt.System.Glob(pattern)
	if err != nil {
		l.unsure[l.current] = true
		l.fault(at, ErrorLevel, l.current, fmt.Sprintf("Unable to globalize '%s' (ret=2) from %s at line %d.", pattern, at.file, at.line))
		return false
	}
	if len(files) == 0 {
		l.notice(at, WarningLevel, l.current, fmt.Sprintf("Nothing matches the include pattern '%s' from %s at line %d.", pattern, at.file, at.line))
	}
	clean := true
	for _, file := range files {
		if strings.HasSuffix(file, "/") {
			continue // directories are not read
		}
		if !l.readFile(file) {
			l.fault(at, ErrorLevel, l.current, fmt.Sprintf("Unable to include %s from %s at line %d", file, at.file, at.line))
			clean = false
		}
	}
	return clean
}

// variable resolves ${name}: an ini setting, else the environment.
func (l *loader) variable(name string) string {
	if value, ok := l.opt.Settings[name]; ok {
		return value
	}
	return l.opt.Getenv(name)
}

// constant resolves an unquoted word.
func (l *loader) constant(name string) (string, bool) {
	if value, ok := l.opt.Constants[name]; ok {
		return value, true
	}
	value, ok := phpConstants[name]
	return value, ok
}
