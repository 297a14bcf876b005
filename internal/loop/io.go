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

// Send is Write for a socket. Copies of the descriptors go with the first byte
// (SCM_RIGHTS), if there are any.
func Send(fd int, p []byte, descriptors ...int) (int, unix.Errno) {
	if len(p) == 0 {
		return 0, 0
	}
	message := unix.Msghdr{Iov: &unix.Iovec{Base: &p[0]}, Iovlen: 1}
	message.Iov.SetLen(len(p))
	if len(descriptors) > 0 {
		rights := unix.UnixRights(descriptors...)
		message.Control = &rights[0]
		message.SetControllen(len(rights))
	}
	for {
		r, _, errno := unix.RawSyscall(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(&message)), unix.MSG_NOSIGNAL)
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

// Type returns the kind of the file at path, one of unix.S_IFMT, following
// links. Unlike the other calls here it can block, on a slow disk; but nearly
// always the kernel knows the answer, and to tell the scheduler of a call wakes
// the runtime's monitor, which costs more than the call.
func Type(path string) (uint16, error) {
	name, err := unix.BytePtrFromString(path)
	if err != nil {
		return 0, err
	}
	at := unix.AT_FDCWD
	var st unix.Statx_t
	for {
		_, _, errno := unix.RawSyscall6(unix.SYS_STATX, uintptr(at), uintptr(unsafe.Pointer(name)), 0,
			unix.STATX_TYPE, uintptr(unsafe.Pointer(&st)), 0)
		switch errno {
		case 0:
			return st.Mode & unix.S_IFMT, nil
		case unix.EINTR:
		default:
			return 0, errno
		}
	}
}

// Duplicate returns a copy of a descriptor, close-on-exec.
func Duplicate(fd int) (int, error) {
	r, _, errno := unix.RawSyscall(unix.SYS_FCNTL, uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if errno != 0 {
		return -1, errno
	}
	return int(r), nil
}

// SetNonblock makes a descriptor non-blocking of which access is the one flag:
// unix.O_RDONLY or unix.O_WRONLY of a pipe, unix.O_RDWR of a socket.
func SetNonblock(fd, access int) {
	_, _, _ = unix.RawSyscall(unix.SYS_FCNTL, uintptr(fd), unix.F_SETFL, uintptr(access|unix.O_NONBLOCK))
}
