package proc

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// ownImage is the program that this process executes, also when its file has
// been replaced.
const ownImage = "/proc/self/exe"

// FindSelf returns the path by which the running program was started, as
// far as that can be told: argv0 may be anything.
func FindSelf(argv0 string) string {
	if path, err := exec.LookPath(argv0); err == nil {
		if path, err = filepath.Abs(path); err == nil && sameFile(path, ownImage) {
			return path
		}
	}
	path, err := os.Executable()
	if err != nil {
		return ""
	}
	return path
}

func sameFile(a, b string) bool {
	first, err := os.Stat(a)
	if err != nil {
		return false
	}
	second, err := os.Stat(b)
	return err == nil && os.SameFile(first, second)
}

// Replaced tells whether path, as [FindSelf] returned it, is another program by
// now than the one that runs. A file with the same content is not.
func Replaced(path string) (bool, error) {
	if sameFile(path, ownImage) {
		return false, nil
	}
	next, err := os.Open(path)
	if err != nil {
		return false, fmt.Errorf("cannot look for a new program: %w", err)
	}
	defer next.Close()
	own, err := os.Open(ownImage)
	if err != nil {
		return false, fmt.Errorf("cannot look at the program that runs: %w", err)
	}
	defer own.Close()
	same, err := sameContent(next, own)
	if err != nil {
		return false, fmt.Errorf("cannot compare programs: %w", err)
	}
	return !same, nil
}

func sameContent(a, b *os.File) (bool, error) {
	first, err := a.Stat()
	if err != nil {
		return false, err
	}
	second, err := b.Stat()
	if err != nil || first.Size() != second.Size() {
		return false, err
	}
	const chunk = 64 << 10
	one, two := bufio.NewReaderSize(a, chunk), bufio.NewReaderSize(b, chunk)
	for {
		x, errX := one.Peek(chunk)
		y, errY := two.Peek(chunk)
		if !bytes.Equal(x, y) {
			return false, nil
		}
		if errX == io.EOF && errY == io.EOF {
			return true, nil
		}
		if errX != nil && errX != io.EOF {
			return false, errX
		}
		if errY != nil && errY != io.EOF {
			return false, errY
		}
		_, _ = one.Discard(len(x)) // they are in the buffer
		_, _ = two.Discard(len(y))
	}
}
