package main

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"

	"github.com/anyfpm/anyfpm/internal/config"
)

// A scanned file is what can be learnt of the global section of a
// configuration that cannot be used: enough to find a service that still runs
// with the one before, and the log where a fault belongs.
type scanned struct {
	control  string
	pid      string
	errorLog string
}

// scan looks for the directives; the last of a kind counts.
func scan(path string) scanned {
	var s scanned
	file, err := os.Open(path)
	if err != nil {
		return s
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		key, value, _ := strings.Cut(lines.Text(), "=")
		value = strings.Trim(strings.TrimSpace(value), `"'`)
		switch strings.ToLower(strings.TrimSpace(key)) {
		case "control.listen":
			s.control = value
		case "pid":
			s.pid = value
		case "error_log":
			s.errorLog = value
		}
	}
	return s
}

// controlPath is the control socket by the rules of the configuration.
func (s scanned) controlPath(prefix string) string {
	control := s.control
	if control == "" && s.pid != "" {
		control = strings.TrimSuffix(s.pid, ".pid") + ".ctl"
	}
	switch {
	case control == "":
		return config.DefaultControl()
	case filepath.IsAbs(control):
		return control
	case prefix != "":
		return filepath.Join(prefix, control)
	default:
		return filepath.Join("/var", control)
	}
}
