package loop

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Read reads from a non-blocking descriptor without telling the Go
// scheduler: the call returns at once, so handing the processor to another
// goroutine would only cost. It retries EINTR.
func Read(fd int, p []byte) (int, unix.Errno) {
	if len(p) == 0 {
		return 0, 0
	}
	for {
		r, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)))
		if errno != unix.EINTR {
			return int(r), errno
		}
	}
}

// Write is the counterpart of Read.
func Write(fd int, p []byte) (int, unix.Errno) {
	if len(p) == 0 {
		return 0, 0
	}
	for {
		r, _, errno := unix.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)))
		if errno != unix.EINTR {
			return int(r), errno
		}
	}
}

// Accept takes one connection off a listening socket, non-blocking and
// close-on-exec. The peer's address is not asked for: see unix.Getpeername.
func Accept(fd int) (int, unix.Errno) {
	for {
		r, _, errno := unix.RawSyscall6(unix.SYS_ACCEPT4, uintptr(fd), 0, 0,
			unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0, 0)
		if errno != unix.EINTR {
			return int(r), errno
		}
	}
}

// Close closes a descriptor that never blocks in closing (a socket or pipe).
func Close(fd int) {
	_, _, _ = unix.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0)
}

// SetNonblock makes a pipe's descriptor non-blocking, of which access is the
// one flag: unix.O_RDONLY or unix.O_WRONLY.
func SetNonblock(fd, access int) {
	_, _, _ = unix.RawSyscall(unix.SYS_FCNTL, uintptr(fd), unix.F_SETFL, uintptr(access|unix.O_NONBLOCK))
}
