package config

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
)

// ErrGlobAborted is returned for a pattern with a wildcard in a directory that
// cannot be read.
var ErrGlobAborted = errors.New("a directory cannot be read")

// glob finds the files that match pattern like glob(3) with GLOB_ERR and
// GLOB_MARK, which php-fpm uses: sorted by bytes, a leading dot matches only a
// written one, directories get a slash at the end.
func glob(pattern string) ([]string, error) {
	found, err := globNames(pattern)
	if err != nil {
		return nil, err
	}
	for i, name := range found {
		if info, err := os.Stat(name); err == nil && info.IsDir() {
			found[i] = strings.TrimSuffix(name, "/") + "/"
		}
	}
	slices.Sort(found)
	return found, nil
}

const globSpecial = `*?[\`

func globNames(pattern string) ([]string, error) {
	special := strings.IndexAny(pattern, globSpecial)
	if special < 0 {
		if _, err := os.Lstat(pattern); err != nil {
			return nil, nil
		}
		return []string{pattern}, nil
	}
	// The directories in front of the first wildcard are taken as they are: it
	// is an error if they cannot be read.
	literal := strings.LastIndexByte(pattern[:special], '/') + 1
	found := []string{pattern[:literal]}
	for part := range strings.SplitSeq(strings.Trim(pattern[literal:], "/"), "/") {
		var next []string
		for _, dir := range found {
			matches, err := globPart(dir, part)
			if err != nil {
				return nil, err
			}
			next = append(next, matches...)
		}
		found = next
	}
	return found, nil
}

// globPart extends dir by the entries that match one component of a pattern.
func globPart(dir, part string) ([]string, error) {
	if !strings.ContainsAny(part, globSpecial) {
		name := path.Join(dir, part)
		if _, err := os.Lstat(name); err != nil {
			return nil, nil
		}
		return []string{name}, nil
	}
	at := dir
	if at == "" {
		at = "."
	}
	entries, err := os.ReadDir(at)
	switch {
	case errors.Is(err, syscall.ENOTDIR):
		return nil, nil
	case err != nil:
		return nil, ErrGlobAborted
	}
	var matches []string
	for _, entry := range entries {
		if globMatch(part, entry) {
			matches = append(matches, path.Join(dir, entry.Name()))
		}
	}
	return matches, nil
}

func globMatch(part string, entry fs.DirEntry) bool {
	name := entry.Name()
	if strings.HasPrefix(name, ".") && !strings.HasPrefix(part, ".") {
		return false
	}
	// path.Match negates a class with ^ alone, the shell with ! too.
	ok, err := path.Match(strings.ReplaceAll(part, "[!", "[^"), name)
	return err == nil && ok
}
