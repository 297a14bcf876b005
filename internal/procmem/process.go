package procmem

import (
	"errors"
	"fmt"
	"io"
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
	pid int
	mem *os.File // the fallback, once it was needed
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

// ReadPage implements [Source].
func (p *Process) ReadPage(base uint64, page *Page) error {
	if p.mem != nil {
		return p.readFile(base, page)
	}
	local := [1]unix.Iovec{{Base: &page[0], Len: PageSize}}
	remote := [1]unix.RemoteIovec{{Base: uintptr(base), Len: PageSize}}
	n, err := unix.ProcessVMReadv(p.pid, local[:], remote[:], 0)
	switch {
	case errors.Is(err, unix.ENOSYS):
		return p.readFile(base, page)
	case err != nil:
		return fmt.Errorf("cannot read page %#x of process %d: %w", base, p.pid, err)
	case n != PageSize:
		return fmt.Errorf("cannot read page %#x of process %d: %w", base, p.pid, io.ErrUnexpectedEOF)
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
