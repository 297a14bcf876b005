package main

import (
	"embed"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
)

//go:embed facts/*.txt
var factFiles embed.FS

// sourceMark begins the first line of a fact file.
const sourceMark = "# source: "

// Facts are the numbers of one version of an interpreter.
type facts struct {
	version string // from the file's name
	source  string
	numbers map[string]uint64
}

// readFacts reads the fact files of a language in the order of their versions.
func readFacts(language string) ([]facts, error) {
	files, err := factFiles.ReadDir("facts")
	if err != nil {
		return nil, err
	}
	var out []facts
	for _, f := range files {
		version, ok := strings.CutPrefix(strings.TrimSuffix(f.Name(), ".txt"), language+"-")
		if !ok {
			continue
		}
		text, err := factFiles.ReadFile(path.Join("facts", f.Name()))
		if err != nil {
			return nil, err
		}
		parsed, err := parseFacts(version, string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name(), err)
		}
		out = append(out, parsed)
	}
	if out == nil {
		return nil, fmt.Errorf("no facts about %s", language)
	}
	slices.SortFunc(out, func(a, b facts) int { return compareVersions(a.version, b.version) })
	return out, nil
}

func parseFacts(version, text string) (facts, error) {
	f := facts{version: version, numbers: map[string]uint64{}}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if source, ok := strings.CutPrefix(line, sourceMark); ok {
			f.source = source
			continue
		}
		name, number, ok := cutLast(line, " ")
		n, err := strconv.ParseUint(number, 10, 64)
		if !ok || err != nil {
			return f, fmt.Errorf("not a fact: %q", line)
		}
		if _, twice := f.numbers[name]; twice {
			return f, fmt.Errorf("%s is stated twice", name)
		}
		f.numbers[name] = n
	}
	if f.source == "" {
		return f, fmt.Errorf("the source is not named")
	}
	return f, nil
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// compareVersions orders 5.8 before 5.10 and 5.36 before 5.36-nothreads.
func compareVersions(a, b string) int {
	split := func(s string) []string {
		return strings.FieldsFunc(s, func(r rune) bool { return r == '.' || r == '-' })
	}
	return slices.CompareFunc(split(a), split(b), func(x, y string) int {
		m, errM := strconv.Atoi(x)
		n, errN := strconv.Atoi(y)
		if errM == nil && errN == nil {
			return m - n
		}
		return strings.Compare(x, y)
	})
}
