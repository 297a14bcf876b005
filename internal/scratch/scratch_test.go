package scratch

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

var kind = Kind{Prefix: "anyfpm-test-", Suffix: ".x"}

// abandon ends the process of d, as far as d is concerned.
func abandon(t *testing.T, d *Dir) {
	t.Helper()
	if err := unix.Close(d.lock); err != nil {
		t.Fatal(err)
	}
}

func create(t *testing.T, parent string, files ...string) *Dir {
	t.Helper()
	d, err := kind.Make(parent)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if err := os.WriteFile(filepath.Join(d.Path, file), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// What a process has left is removed by the next one that makes a directory,
// and only that.
func TestLeftDirectoriesAreRemoved(t *testing.T) {
	parent := t.TempDir()
	left, held := create(t, parent, "1.x", "2.x"), create(t, parent, "1.x")
	shared, strange := create(t, parent), create(t, parent, "1.x", "other")
	elsewhere := filepath.Join(t.TempDir(), "target")
	link := filepath.Join(parent, kind.Prefix+"link")
	other := filepath.Join(parent, "anyfpm-other")
	for _, dir := range []string{elsewhere, other} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(elsewhere, link); err != nil {
		t.Fatal(err)
	}
	fd, err := hold(shared.Path)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []*Dir{left, shared, strange} {
		abandon(t, d)
	}

	next := create(t, parent)
	if exists(left.Path) {
		t.Error("what was left is still there")
	}
	for _, path := range []string{held.Path, filepath.Join(held.Path, "1.x"), shared.Path, filepath.Join(strange.Path, "1.x"), link, elsewhere, other, next.Path} {
		if !exists(path) {
			t.Errorf("%s is gone", path)
		}
	}
	_ = unix.Close(fd)
	next.Remove()
	held.Remove()
	if exists(next.Path) || exists(held.Path) {
		t.Error("Remove leaves a directory")
	}
	create(t, parent).Remove()
	if exists(shared.Path) {
		t.Error("what the last has let go of is still there")
	}
}

// Of a directory that is just being removed nobody gets hold.
func TestHoldNothing(t *testing.T) {
	d := create(t, t.TempDir())
	abandon(t, d)
	fd, err := unix.Open(d.Path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(fd) }()
	if err := unix.Flock(fd, unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if err := Hold(d.Path); !os.IsNotExist(err) {
		t.Errorf("held while it is removed: %v", err)
	}
	if err := os.Remove(d.Path); err != nil {
		t.Fatal(err)
	}
	if err := Hold(d.Path); !os.IsNotExist(err) {
		t.Errorf("held when it is gone: %v", err)
	}
}

// Whoever cannot use the parent says so.
func TestMakeNowhere(t *testing.T) {
	if _, err := kind.Make(filepath.Join(t.TempDir(), "none")); !os.IsNotExist(err) {
		t.Errorf("got %v", err)
	}
}
