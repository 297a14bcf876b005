package listen

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// maxPath is the longest path of a unix socket; the kernel wants a NUL after
// it.
const maxPath = len(unix.RawSockaddrUnix{}.Path) - 1

// address is what a listen directive says.
type address struct {
	path string // of a unix socket, or empty
	host string // empty for every address of the machine
	port int
}

// parse reads a listen directive: something with a colon or digits alone is
// TCP, anything else a path.
func parse(text string) (address, error) {
	colon := strings.LastIndexByte(text, ':')
	if colon < 0 && strings.Trim(text, "0123456789") != "" {
		if len(text) > maxPath {
			return address{}, fmt.Errorf("cannot bind to UNIX socket '%s' as path is too long (found length: %d, maximal length: %d)", text, len(text), maxPath)
		}
		return address{path: text}, nil
	}
	host, port := text[:max(colon, 0)], text[colon+1:]
	if inner, ok := strings.CutPrefix(host, "["); ok {
		host = strings.TrimSuffix(inner, "]")
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil || number == 0 {
		return address{}, fmt.Errorf("invalid port value '%s'", port)
	}
	return address{host: host, port: int(number)}, nil
}

// key is php-fpm's name of a bound address in FPM_SOCKETS: a path, or the
// address and the port with a colon between, without brackets.
func key(sa unix.Sockaddr) (string, bool) {
	switch sa := sa.(type) {
	case *unix.SockaddrUnix:
		return sa.Name, sa.Name != ""
	case *unix.SockaddrInet4:
		return fmt.Sprintf("%s:%d", netip.AddrFrom4(sa.Addr), sa.Port), true
	case *unix.SockaddrInet6:
		return fmt.Sprintf("%s:%d", netip.AddrFrom16(sa.Addr), sa.Port), true
	default:
		return "", false
	}
}
