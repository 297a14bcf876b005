package procmem

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// A Process reads a live process with process_vm_readv(2), or, where the
// kernel or a sandbox does not offer that call, through /proc/PID/mem. Neither
// stops or signals the process.
//
// A Process is used by one goroutine at a time. Its error is ESRCH when the
// process is gone and EPERM or EACCES when it may not be read (errors.Is).
type Process struct {
	pid    int
	mem    *os.File // the fallback, once it was needed
	local  []unix.Iovec
	remote []unix.RemoteIovec
}

// NewProcess returns a source for process pid. It opens nothing: errors come
// with the first page.
func NewProcess(pid int) *Process { return &Process{pid: pid} }

// PID is the process that is read.
func (p *Process) PID() int { return p.pid }

// Close releases the descriptor of the fallback, if there is one.
func (p *Process) Close() error {
	if p.mem == nil {
		return nil
	}
	err := p.mem.Close()
	p.mem = nil
	return err
}

// maxVector is how many pages one system call reads (IOV_MAX).
const maxVector = 1024

// ReadPages implements [Source] with one system call for up to 1024 pages.
func (p *Process) ReadPages(bases []uint64, pages []*Page) error {
	for len(bases) > 0 {
		n := min(len(bases), maxVector)
		if err := p.readVector(bases[:n], pages[:n]); err != nil {
			return err
		}
		bases, pages = bases[n:], pages[n:]
	}
	return nil
}

func (p *Process) readVector(bases []uint64, pages []*Page) error {
	if p.mem != nil {
		return p.readFiles(bases, pages)
	}
	p.local, p.remote = p.local[:0], p.remote[:0]
	for i, base := range bases {
		p.local = append(p.local, unix.Iovec{Base: &pages[i][0], Len: PageSize})
		p.remote = append(p.remote, unix.RemoteIovec{Base: uintptr(base), Len: PageSize})
	}
	n, err := unix.ProcessVMReadv(p.pid, p.local, p.remote, 0)
	switch {
	case errors.Is(err, unix.ENOSYS):
		return p.readFiles(bases, pages)
	case err != nil:
		return fmt.Errorf("cannot read page %#x of process %d: %w", bases[0], p.pid, err)
	case n != len(bases)*PageSize:
		return fmt.Errorf("cannot read page %#x of process %d: %w", bases[n/PageSize], p.pid, unix.EFAULT)
	}
	return nil
}

func (p *Process) readFiles(bases []uint64, pages []*Page) error {
	for i, base := range bases {
		if err := p.readFile(base, pages[i]); err != nil {
			return err
		}
	}
	return nil
}

func (p *Process) readFile(base uint64, page *Page) error {
	if p.mem == nil {
		f, err := os.Open(fmt.Sprintf("/proc/%d/mem", p.pid))
		if err != nil {
			return fmt.Errorf("cannot read process %d: %w", p.pid, err)
		}
		p.mem = f
	}
	if base > 1<<63-1-PageSize {
		return fmt.Errorf("cannot read page %#x of process %d: %w", base, p.pid, unix.EFAULT)
	}
	if _, err := p.mem.ReadAt(page[:], int64(base)); err != nil {
		return fmt.Errorf("cannot read page %#x of process %d: %w", base, p.pid, err)
	}
	return nil
}
