package elfmem

import (
	"bytes"
	"debug/elf"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/anyfpm/anyfpm/internal/procmem"
)

// library has what a symbol table of a real library has: functions, data, a
// thread-local, something undefined, and names with a common beginning.
const library = `
int answer = 42;
__thread int local;
extern int puts(const char *);
int twice(int n) { return 2 * n; }
int twice_again(int n) { puts("again"); return local + twice(twice(n)); }
static int hidden(int n) { return n; }
int many(int n) { return hidden(n); }
`

// build compiles the library as a shared object with the given style of hash
// table and returns its path.
func build(t testing.TB, style string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "lib.so")
	cmd := exec.Command("gcc", "-shared", "-fPIC", "-Wl,--hash-style="+style, "-x", "c", "-o", path, "-")
	cmd.Stdin = bytes.NewBufferString(library)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("cannot build the test library (apt-get install gcc libc6-dev): %v\n%s", err, out)
	}
	return path
}

// load maps an object at bias as a loader does, without relocating anything.
func load(t testing.TB, path string, bias uint64) procmem.Pages {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	pages := procmem.Pages{}
	for _, p := range f.Progs {
		if p.Type != elf.PT_LOAD {
			continue
		}
		// A mapping has whole pages of the file, also around the segment.
		start := p.Off &^ (procmem.PageSize - 1)
		file, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		addr := bias + p.Vaddr - (p.Off - start)
		for off := start; off < p.Off+p.Filesz; off += procmem.PageSize {
			page := new(procmem.Page)
			copy(page[:], file[off:])
			pages[addr] = page
			addr += procmem.PageSize
		}
	}
	return pages
}

const bias = 0x7f0000000000

func TestSymbolsAgreeWithTheFile(t *testing.T) {
	for _, style := range []string{"gnu", "sysv", "both"} {
		t.Run(style, func(t *testing.T) {
			path := build(t, style)
			m := procmem.NewMemory(load(t, path, bias), 0)
			o, err := Open(m, bias)
			if err != nil {
				t.Fatal(err)
			}
			checkSymbols(t, m, o, path)
			for _, absent := range []string{"", "hidden", "puts", "local", "twic", "twice_", "no such symbol"} {
				if s, ok := o.Lookup(m, absent); ok {
					t.Errorf("found %q at %#x", absent, s.Addr)
				}
			}
		})
	}
}

// checkSymbols compares what is found in memory with what debug/elf reads
// from the file.
func checkSymbols(t *testing.T, m *procmem.Memory, o *Object, path string) {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	want, err := f.DynamicSymbols()
	if err != nil {
		t.Fatal(err)
	}
	functions := map[string]uint64{}
	for _, s := range want {
		kind := elf.ST_TYPE(s.Info)
		if s.Section == elf.SHN_UNDEF || kind == elf.STT_TLS {
			continue
		}
		got, ok := o.Lookup(m, s.Name)
		if !ok || got.Addr != s.Value+o.Bias || got.Size != s.Size || o.Name(m, got) != s.Name {
			t.Errorf("%s: got %+v, %v; want %#x, size %d", s.Name, got, ok, s.Value+o.Bias, s.Size)
		}
		if kind == elf.STT_FUNC {
			functions[s.Name] = s.Value + o.Bias
		}
	}
	list, err := o.Functions(m)
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != len(functions) {
		t.Errorf("%d functions listed, want %d", len(list), len(functions))
	}
	for i, s := range list {
		if name := o.Name(m, s); functions[name] != s.Addr {
			t.Errorf("function %q at %#x, want %#x", name, s.Addr, functions[name])
		}
		if i > 0 && list[i-1].Addr > s.Addr {
			t.Error("functions are not in the order of their addresses")
		}
	}
}

func TestUnwindTable(t *testing.T) {
	path := build(t, "gnu")
	m := procmem.NewMemory(load(t, path, bias), 0)
	o, err := Open(m, bias)
	if err != nil {
		t.Fatal(err)
	}
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if want := f.Section(".eh_frame_hdr").Addr + bias; o.EHFrameHeader != want {
		t.Errorf("EHFrameHeader = %#x, want %#x", o.EHFrameHeader, want)
	}
	if o.Machine != f.Machine {
		t.Errorf("Machine = %v, want %v", o.Machine, f.Machine)
	}
}

// A live process: glibc's loader has relocated the dynamic section.
func TestLiveProcess(t *testing.T) {
	pid := startCat(t)
	base, path := libcOf(t, pid)
	m := procmem.NewMemory(procmem.NewProcess(pid), 0)
	o, err := Open(m, base)
	if err != nil {
		t.Fatal(err)
	}
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	symbols, err := f.DynamicSymbols()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range symbols {
		if s.Name != "nanosleep" {
			continue
		}
		got, ok := o.Lookup(m, "nanosleep")
		if !ok || got.Addr != s.Value+base {
			t.Errorf("nanosleep: got %#x, %v; want %#x", got.Addr, ok, s.Value+base)
		}
	}
}

// startCat starts a process that has echoed a byte, so its loader has run, and
// that lasts as long as the test.
func startCat(t *testing.T) (pid int) {
	t.Helper()
	cmd := exec.Command("cat")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		cmd.Wait()
	})
	if _, err := stdin.Write([]byte{'x'}); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(stdout, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	return cmd.Process.Pid
}

// libcOf returns where a process has mapped its C library.
func libcOf(t *testing.T, pid int) (base uint64, path string) {
	t.Helper()
	maps, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/maps")
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(maps) {
		f := bytes.Fields(line)
		if len(f) != 6 || !bytes.Contains(f[5], []byte("libc.so")) || string(f[2]) != "00000000" {
			continue
		}
		low, _, _ := bytes.Cut(f[0], []byte("-"))
		base, err := strconv.ParseUint(string(low), 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		return base, string(f[5])
	}
	t.Fatal("cat does not map a C library")
	return 0, ""
}

func TestNotAnObject(t *testing.T) {
	for name, content := range map[string]string{
		"text":         "#!/bin/sh\necho hello\n",
		"32-bit":       "\x7fELF\x01\x01",
		"big-endian":   "\x7fELF\x02\x02",
		"no headers":   "\x7fELF\x02\x01",
		"empty memory": "",
	} {
		page := new(procmem.Page)
		copy(page[:], content)
		if o, err := Open(procmem.NewMemory(procmem.Pages{0x1000: page}, 0), 0x1000); err == nil {
			t.Errorf("%s: opened as %+v", name, o)
		}
	}
}

// FuzzObject overwrites a part of a real object and asks it everything.
func FuzzObject(f *testing.F) {
	pages := load(f, build(f, "both"), bias)
	for _, at := range []uint16{16, 64, 0x200, 0x2e8, 0x1000, 0x3000} {
		f.Add(at, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
		f.Add(at, []byte{0, 0, 0, 0})
	}
	f.Fuzz(func(t *testing.T, at uint16, patch []byte) {
		hostile := procmem.Pages{}
		for base, page := range pages {
			copied := *page
			if base == bias+uint64(at)&^(procmem.PageSize-1) {
				copy(copied[at%procmem.PageSize:], patch)
			}
			hostile[base] = &copied
		}
		m := procmem.NewMemory(hostile, 0)
		o, err := Open(m, bias)
		if err != nil {
			return
		}
		o.Lookup(m, "twice")
		list, _ := o.Functions(m)
		if len(list) > maxSymbols {
			t.Errorf("%d functions", len(list))
		}
		for _, s := range list[:min(len(list), 100)] {
			if name := o.Name(m, s); len(name) > maxName {
				t.Errorf("a name of %d bytes", len(name))
			}
		}
	})
}
