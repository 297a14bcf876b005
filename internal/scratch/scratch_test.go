package scratch

import (
	"errors"
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
	if _, err := Hold(d.Path); !os.IsNotExist(err) {
		t.Errorf("held while it is removed: %v", err)
	}
	if err := os.Remove(d.Path); err != nil {
		t.Fatal(err)
	}
	if _, err := Hold(d.Path); !os.IsNotExist(err) {
		t.Errorf("held when it is gone: %v", err)
	}
}

// A directory that was removed is gone for all who hold it, whatever has its name
// since, and with locks or without.
func TestGone(t *testing.T) {
	d := create(t, t.TempDir())
	held, err := Hold(d.Path)
	if err != nil || held.Gone() || d.Gone() {
		t.Fatalf("held: %v, gone %v, %v", err, held.Gone(), d.Gone())
	}
	if err := os.Remove(d.Path); err != nil {
		t.Fatal(err)
	}
	if !d.Gone() || !held.Gone() || !Adopt(d.Path).Gone() {
		t.Errorf("not gone: %v, %v, %v", !d.Gone(), !held.Gone(), !Adopt(d.Path).Gone())
	}
	if err := os.Mkdir(d.Path, 0o700); err != nil {
		t.Fatal(err)
	}
	if !d.Gone() || !held.Gone() {
		t.Errorf("another directory is taken for it: %v, %v", !d.Gone(), !held.Gone())
	}
}

// Everybody can read what is shared, whatever the umask.
func TestShare(t *testing.T) {
	defer unix.Umask(unix.Umask(0o077))
	d := create(t, t.TempDir())
	if err := d.Share("1.x", []byte("text")); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(d.Path, "1.x")
	if text, err := os.ReadFile(file); err != nil || string(text) != "text" {
		t.Errorf("read %q, %v", text, err)
	}
	for path, want := range map[string]os.FileMode{d.Path: 0o755, file: 0o644} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
}

// Whoever owns the parent can put anything in the place of the directory.
// Nothing of theirs is written to or changed.
func TestShareInAnothersDirectory(t *testing.T) {
	for name, replace := range map[string]func(dir, victim string) error{
		"a link as directory": func(dir, victim string) error { return os.Symlink(filepath.Dir(victim), dir) },
		"a link as file": func(dir, victim string) error {
			return errors.Join(os.Mkdir(dir, 0o700), os.Symlink(victim, filepath.Join(dir, "1.x")))
		},
		"another's directory": func(dir, _ string) error {
			return errors.Join(os.Mkdir(dir, 0o700), os.Chown(dir, 65534, 65534))
		},
	} {
		t.Run(name, func(t *testing.T) {
			victim := filepath.Join(t.TempDir(), "1.x")
			if err := errors.Join(os.WriteFile(victim, []byte("precious"), 0o600), os.Chmod(filepath.Dir(victim), 0o700)); err != nil {
				t.Fatal(err)
			}
			d := create(t, t.TempDir())
			if err := os.Remove(d.Path); err != nil {
				t.Fatal(err)
			}
			if err := replace(d.Path, victim); errors.Is(err, os.ErrPermission) {
				return // only root can give a directory away
			} else if err != nil {
				t.Fatal(err)
			}
			if err := d.Share("1.x", []byte("text")); err == nil {
				t.Error("nothing is wrong")
			}
			if text, err := os.ReadFile(victim); err != nil || string(text) != "precious" {
				t.Errorf("the file has %q, %v", text, err)
			}
			if info, err := os.Stat(d.Path); err != nil || info.Mode().Perm() == 0o755 {
				t.Errorf("the directory has mode %v, %v", info.Mode(), err)
			}
			if files, err := os.ReadDir(d.Path); err != nil || len(files) > 1 {
				t.Errorf("the directory has %v, %v", files, err)
			}
		})
	}
}

// Whoever cannot use the parent says so.
func TestMakeNowhere(t *testing.T) {
	if _, err := kind.Make(filepath.Join(t.TempDir(), "none")); !os.IsNotExist(err) {
		t.Errorf("got %v", err)
	}
}
