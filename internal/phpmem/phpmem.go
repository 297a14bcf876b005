// Package phpmem reads out of a PHP process what FastCGI does not tell.
//
// php-fpm's access log shows the status that PHP ended with. A script that
// sets one when its header is out has sent another; php-cgi keeps the last one
// in its memory until its next request begins.
package phpmem

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/internal/elfmem"
	"github.com/anyfpm/anyfpm/internal/procfs"
	"github.com/anyfpm/anyfpm/internal/procmem"
)

// Fields of sapi_globals (main/SAPI.h), the same in PHP 7.0 to 8.5.
const (
	headerSize   = 184 // sapi_headers.headers.size
	responseCode = 216 // sapi_headers.http_response_code
	// sizeofHeader is what headerSize holds once PHP has served anything: it
	// shows that the fields are where we think.
	sizeofHeader = 16
)

// pages is more than a walk to a symbol touches.
const pages = 256

// A Process is a PHP process. It is used by one goroutine at a time.
type Process struct {
	src  *procmem.Process
	mem  *procmem.Memory
	sapi uint64 // &sapi_globals

	// For the one read that is made again and again.
	fields [responseCode + 4 - headerSize]byte
	local  [1]unix.Iovec
	remote [1]unix.RemoteIovec
}

// Open finds PHP in the process. It fails for what is no PHP, or one built for
// threads, and for a process that may not be read.
func Open(pid int) (*Process, error) {
	base, err := program(pid)
	if err != nil {
		return nil, err
	}
	src := procmem.NewProcess(pid)
	p := &Process{src: src, mem: procmem.NewMemory(src, pages)}
	object, err := elfmem.Open(p.mem, base)
	if err != nil {
		p.Close()
		return nil, fmt.Errorf("cannot read the program of process %d: %w", pid, err)
	}
	symbol, ok := object.Lookup(p.mem, "sapi_globals")
	if !ok {
		p.Close()
		return nil, fmt.Errorf("process %d is no PHP, or a thread-safe one", pid)
	}
	p.sapi = symbol.Addr
	return p, nil
}

// program is where the process's program is mapped.
func program(pid int) (base uint64, err error) {
	maps, err := procfs.New("").Maps(pid)
	if err != nil {
		return 0, err
	}
	exe, err := os.Readlink("/proc/" + strconv.Itoa(pid) + "/exe")
	if err != nil {
		return 0, fmt.Errorf("cannot find the program of process %d: %w", pid, err)
	}
	for _, m := range maps {
		if m.Offset == 0 && m.Inode != 0 && m.Path == exe {
			return m.Low, nil
		}
	}
	return 0, fmt.Errorf("cannot find the program of process %d in its memory", pid)
}

// ResponseCode is the HTTP status of the latest request. It costs one system
// call.
func (p *Process) ResponseCode() (int, error) {
	size, code, err := p.read()
	switch {
	case err != nil:
		return 0, err
	case size != sizeofHeader || code < 100 || code > 999:
		return 0, errors.New("this PHP keeps its status elsewhere")
	}
	return int(code), nil
}

func (p *Process) read() (size uint64, code uint32, err error) {
	p.local[0] = unix.Iovec{Base: &p.fields[0], Len: uint64(len(p.fields))}
	p.remote[0] = unix.RemoteIovec{Base: uintptr(p.sapi + headerSize), Len: len(p.fields)}
	n, err := unix.ProcessVMReadv(p.src.PID(), p.local[:], p.remote[:], 0)
	if err == nil && n == len(p.fields) {
		return binary.NativeEndian.Uint64(p.fields[:]), binary.NativeEndian.Uint32(p.fields[responseCode-headerSize:]), nil
	}
	p.mem.Reset() // it has other ways to read, and an error with more in it
	r := procmem.NewReader(p.mem)
	size, code = r.U64(p.sapi+headerSize), r.U32(p.sapi+responseCode)
	return size, code, r.Err()
}

// Close releases what Open took.
func (p *Process) Close() { _ = p.src.Close() }
