package recorded

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/anyfpm/anyfpm/internal/procfs"
	"github.com/anyfpm/anyfpm/internal/procmem"
)

// Native is a sample of a native stack.
type Native struct {
	Objects   []procfs.Object
	PC, SP    uint64
	Pages     procmem.Pages
	Functions []string // innermost first
}

// WriteNative writes a recording to name.txt and name.pages.gz.
func WriteNative(name string, n Native) error {
	var text strings.Builder
	fmt.Fprintf(&text, "registers %#x %#x\n", n.PC, n.SP)
	for _, o := range n.Objects {
		fmt.Fprintf(&text, "object %#x %#x %s\n", o.Low, o.End, o.Path)
	}
	for _, f := range n.Functions {
		fmt.Fprintf(&text, "function %s\n", f)
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(name+".txt", []byte(text.String()), 0o644); err != nil {
		return err
	}
	pages, err := os.Create(name + ".pages.gz")
	if err != nil {
		return err
	}
	if _, err := n.Pages.WriteTo(pages); err != nil {
		pages.Close()
		return err
	}
	return pages.Close()
}

// ReadNative reads what WriteNative wrote.
func ReadNative(name string) (n Native, err error) {
	text, err := os.Open(name + ".txt")
	if err != nil {
		return n, err
	}
	defer text.Close()
	for lines := bufio.NewScanner(text); lines.Scan(); {
		word, rest, _ := strings.Cut(lines.Text(), " ")
		switch word {
		case "registers":
			_, err = fmt.Sscanf(rest, "%v %v", &n.PC, &n.SP)
		case "object":
			var o procfs.Object
			_, err = fmt.Sscanf(rest, "%v %v %s", &o.Low, &o.End, &o.Path)
			n.Objects = append(n.Objects, o)
		case "function":
			n.Functions = append(n.Functions, rest)
		default:
			err = fmt.Errorf("unknown line %q", lines.Text())
		}
		if err != nil {
			return n, err
		}
	}
	pages, err := os.Open(name + ".pages.gz")
	if err != nil {
		return n, err
	}
	defer pages.Close()
	n.Pages, err = procmem.ReadPages(pages)
	return n, err
}
