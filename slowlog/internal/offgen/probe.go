package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// probe compiles and runs a probe and writes its facts to w. Symbols the
// headers refer to need not exist: the probe only takes offsets.
func probe(w io.Writer, source, file string, flags []string) error {
	dir, err := os.MkdirTemp("", "offgen")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "probe")
	compile := exec.Command("gcc", append([]string{"-O2", "-Wl,--unresolved-symbols=ignore-all", "-o", program, file}, flags...)...)
	if strings.HasSuffix(file, ".rs") {
		compile = exec.Command("rustc", append([]string{"-o", program, file}, flags...)...)
	}
	compile.Stderr = os.Stderr
	if err := compile.Run(); err != nil {
		return fmt.Errorf("cannot compile %s: %w", file, err)
	}
	out, err := exec.Command(program).Output()
	if err != nil {
		return fmt.Errorf("cannot run %s: %w", file, err)
	}
	_, err = fmt.Fprintf(w, "%s%s: %s\n%s", sourceMark, file, source, out)
	return err
}
