package config

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestGlob(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, name := range []string{"b.conf", "a.conf", "A.conf", ".hidden.conf", "note.txt", "d/x.conf", "e/x.conf", "e/.y.conf", "sub.conf/z"} {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("nowhere", "e/dangling.conf"); err != nil {
		t.Fatal(err)
	}
	for pattern, want := range map[string]string{
		"*.conf":         "A.conf a.conf b.conf sub.conf/",
		"[!a]*.conf":     "A.conf b.conf sub.conf/",
		"[ab].conf":      "a.conf b.conf",
		"?.conf":         "A.conf a.conf b.conf",
		".*.conf":        ".hidden.conf",
		"*/x.conf":       "d/x.conf e/x.conf",
		"*/*.conf":       "d/x.conf e/dangling.conf e/x.conf",
		"e/*":            "e/dangling.conf e/x.conf",
		"a.conf":         "a.conf",
		"nothing.conf":   "",
		"nothing*":       "",
		"none/no.conf":   "",
		"d":              "d/",
		"note.txt/*":     "",
		dir + "/?.txt":   "",
		dir + "/n*.txt":  dir + "/note.txt",
		"e/dang*":        "e/dangling.conf",
		`\a.conf`:        "a.conf",
		"*/nothing.conf": "",
	} {
		got, err := glob(pattern)
		if err != nil || !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("%s: got %q %v, want %q", pattern, got, err, want)
		}
	}
	if _, err := glob("none/*.conf"); !errors.Is(err, ErrGlobAborted) {
		t.Errorf("a missing directory gives %v", err)
	}
}
