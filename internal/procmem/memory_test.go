package procmem

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// own returns a source for this process and the address of b in it. Tests
// read the test process itself: it is always there and always permitted.
func own(b []byte) (*Process, uint64) {
	return NewProcess(os.Getpid()), uint64(uintptr(unsafe.Pointer(&b[0])))
}

// mapped returns n pages of anonymous memory followed by one unreadable page.
func mapped(t *testing.T, n int) []byte {
	t.Helper()
	b, err := unix.Mmap(-1, 0, (n+1)*PageSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Munmap(b) })
	if err := unix.Mprotect(b[n*PageSize:], unix.PROT_NONE); err != nil {
		t.Fatal(err)
	}
	return b[:n*PageSize]
}

func TestReadAcrossPages(t *testing.T) {
	b := mapped(t, 3)
	for i := range b {
		b[i] = byte(i / 7)
	}
	src, addr := own(b)
	m := NewMemory(src, 0)
	got := make([]byte, 2*PageSize)
	if err := m.Read(addr+100, got); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, b[100:100+len(got)]) {
		t.Error("bytes differ")
	}
	if m.Reads() != 3 {
		t.Errorf("reads = %d, want one per page, 3", m.Reads())
	}
}

func TestPageIsOneSnapshotUntilReset(t *testing.T) {
	b := mapped(t, 1)
	src, addr := own(b)
	m := NewMemory(src, 0)
	read := func() uint64 { return NewReader(m).U64(addr) }
	binary.LittleEndian.PutUint64(b, 1)
	if got := read(); got != 1 {
		t.Fatalf("got %d, want 1", got)
	}
	binary.LittleEndian.PutUint64(b, 2)
	if got := read(); got != 1 {
		t.Errorf("before Reset: got %d, want the snapshot's 1", got)
	}
	m.Reset()
	if got := read(); got != 2 {
		t.Errorf("after Reset: got %d, want 2", got)
	}
}

func TestRefreshReadsTheSamePagesAgain(t *testing.T) {
	b := mapped(t, 3)
	src, addr := own(b)
	m := NewMemory(src, 0)
	r := NewReader(m)
	r.U64(addr + 2*PageSize)
	r.U64(addr)
	if changed, err := m.Refresh(); changed || err != nil {
		t.Fatalf("memory that rests: changed %v, %v", changed, err)
	}
	b[0], b[2*PageSize] = 7, 8
	if changed, err := m.Refresh(); !changed || err != nil {
		t.Fatalf("memory that was written: changed %v, %v", changed, err)
	}
	before := m.Reads()
	if got := r.U64(addr) + r.U64(addr+2*PageSize); got != 15 {
		t.Errorf("got %d, want the new 7 and 8", got)
	}
	if m.Reads() != before {
		t.Error("a refreshed page was read once more")
	}
	if err := unix.Mprotect(b[:PageSize], unix.PROT_NONE); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Refresh(); !errors.Is(err, unix.EFAULT) {
		t.Errorf("a page that is gone: %v, want EFAULT", err)
	}
	if got := r.U64(addr + 2*PageSize); got != 8 || r.Err() != nil {
		t.Errorf("after a failed Refresh: %d, %v", got, r.Err())
	}
}

func TestFileFallbackReadsTheSame(t *testing.T) {
	b := mapped(t, 1)
	copy(b, "through /proc/PID/mem")
	src, addr := own(b)
	var want, got Page
	if err := src.ReadPages([]uint64{addr}, []*Page{&want}); err != nil {
		t.Fatal(err)
	}
	if err := src.readFile(addr, &got); err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Error("the fallback reads other bytes")
	}
	if err := src.readFile(1<<63, &got); !errors.Is(err, unix.EFAULT) {
		t.Errorf("an address no file offset can name: err = %v, want EFAULT", err)
	}
	if err := src.Close(); err != nil {
		t.Error(err)
	}
}

func TestHostileAddresses(t *testing.T) {
	b := mapped(t, 1)
	src, addr := own(b)
	for _, c := range []struct {
		name string
		addr uint64
		n    int
		want error
	}{
		{"null", 0, 8, ErrAddress},
		{"first page", 0xfff, 8, ErrAddress},
		{"wraps around", ^uint64(0) - 3, 8, ErrAddress},
		{"kernel half", 0xffff800000000000, 8, unix.EFAULT},
		{"not canonical", 0x0123456789abcdef, 8, unix.EFAULT},
		{"runs into an unreadable page", addr + PageSize - 4, 8, unix.EFAULT},
	} {
		if err := NewMemory(src, 0).Read(c.addr, make([]byte, c.n)); !errors.Is(err, c.want) {
			t.Errorf("%s: err = %v, want %v", c.name, err, c.want)
		}
	}
}

func TestBudget(t *testing.T) {
	b := mapped(t, 4)
	src, addr := own(b)
	m := NewMemory(src, 3)
	if err := m.Read(addr, make([]byte, 4*PageSize)); !errors.Is(err, ErrBudget) {
		t.Fatalf("err = %v, want ErrBudget", err)
	}
	m.Reset()
	if err := m.Read(addr, make([]byte, 3*PageSize)); err != nil {
		t.Errorf("within the budget: %v", err)
	}
}

func TestProcessGone(t *testing.T) {
	const never = 1<<22 + 1 // above the largest pid_max
	if err := NewProcess(never).ReadPages([]uint64{PageSize}, []*Page{{}}); !errors.Is(err, unix.ESRCH) {
		t.Errorf("err = %v, want ESRCH", err)
	}
}
