package procfs

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// Of linux/sock_diag.h and linux/unix_diag.h, which x/sys does not have.
const (
	sockDiagByFamily = 20
	showPeer         = 4 // UDIAG_SHOW_PEER
	attrPeer         = 2 // UNIX_DIAG_PEER
	requestSize      = 24
	replySize        = 16
)

// unixPeer asks the kernel for the inode of the socket that a unix socket is
// connected to. It knows those of our own network namespace.
func unixPeer(inode uint64) (peer uint64, ok bool) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return 0, false
	}
	defer unix.Close(fd)
	// The kernel answers before sendto returns: no answer is no reason to wait.
	if err := unix.Sendto(fd, peerRequest(uint32(inode)), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return 0, false
	}
	var reply [4096]byte
	n, _, err := unix.Recvfrom(fd, reply[:], unix.MSG_DONTWAIT)
	if err != nil {
		return 0, false
	}
	return parsePeer(reply[:n])
}

// peerRequest is a netlink message with a struct unix_diag_req.
func peerRequest(inode uint32) []byte {
	le := binary.NativeEndian
	b := make([]byte, unix.SizeofNlMsghdr+requestSize)
	le.PutUint32(b[0:], uint32(len(b)))
	le.PutUint16(b[4:], sockDiagByFamily)
	le.PutUint16(b[6:], unix.NLM_F_REQUEST)
	req := b[unix.SizeofNlMsghdr:]
	req[0] = unix.AF_UNIX
	le.PutUint32(req[4:], ^uint32(0)) // any state
	le.PutUint32(req[8:], inode)
	le.PutUint32(req[12:], showPeer)
	le.PutUint32(req[16:], ^uint32(0)) // no cookie
	le.PutUint32(req[20:], ^uint32(0))
	return b
}

// parsePeer finds the peer among the attributes after a struct unix_diag_msg.
func parsePeer(b []byte) (uint64, bool) {
	le := binary.NativeEndian
	if len(b) < unix.SizeofNlMsghdr+replySize || le.Uint16(b[4:]) != sockDiagByFamily {
		return 0, false
	}
	attrs := b[unix.SizeofNlMsghdr+replySize:]
	for len(attrs) >= unix.SizeofRtAttr {
		size, kind := int(le.Uint16(attrs)), le.Uint16(attrs[2:])
		if size < unix.SizeofRtAttr || size > len(attrs) {
			break
		}
		if kind == attrPeer && size >= unix.SizeofRtAttr+4 {
			return uint64(le.Uint32(attrs[unix.SizeofRtAttr:])), true
		}
		attrs = attrs[min((size+3)&^3, len(attrs)):]
	}
	return 0, false
}
