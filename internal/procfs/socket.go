package procfs

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"io"
	"net/netip"
	"os"
	"strconv"
	"strings"
)

// socket names the socket of an inode, as the process's network sees it.
func (fs FS) socket(pid int, inode uint64) string {
	for _, protocol := range []string{"tcp", "tcp6", "udp", "udp6"} {
		if s := fs.findInet(pid, protocol, inode); s != "" {
			return strings.TrimSuffix(protocol, "6") + " " + s
		}
	}
	path, found := fs.findUnix(pid, inode)
	if !found {
		return ""
	}
	if path == "" {
		// A client has no name of its own: its peer's is what counts.
		if peer, ok := unixPeer(inode); ok {
			path, _ = fs.findUnix(pid, peer)
		}
	}
	if path == "" {
		return "unix socket"
	}
	return "unix " + path
}

// lines calls f with the fields of each line of a table until f says it is
// done.
func lines(path string, f func(fields []string) (done bool)) {
	file, err := os.Open(path)
	if err != nil {
		return
	}
	defer file.Close()
	for s := bufio.NewScanner(io.LimitReader(file, maxFile)); s.Scan(); {
		if f(strings.Fields(s.Text())) {
			return
		}
	}
}

// tcpStates are the states worth a word; an established connection is none.
var tcpStates = map[string]string{
	"02": " (connecting)", "03": " (connecting)", "08": " (closed by peer)", "0A": " (listening)",
}

// findInet finds a socket in a table such as
//
//	0: 0100007F:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000  33  0 4711 …
func (fs FS) findInet(pid int, protocol string, inode uint64) (name string) {
	want := strconv.FormatUint(inode, 10)
	lines(fs.path(pid, "net", protocol), func(f []string) bool {
		if len(f) < 10 || f[9] != want {
			return false
		}
		local, ok1 := parseAddr(f[1])
		remote, ok2 := parseAddr(f[2])
		if !ok1 || !ok2 {
			return true
		}
		name = local.String()
		if remote.Port() != 0 {
			name += " -> " + remote.String()
		}
		if strings.HasPrefix(protocol, "tcp") {
			name += tcpStates[f[3]]
		}
		return true
	})
	return name
}

// parseAddr reads 0100007F:1538, an address in words of the host's byte order
// (little-endian on all supported systems) and a port.
func parseAddr(s string) (netip.AddrPort, bool) {
	address, port, _ := strings.Cut(s, ":")
	b, err := hex.DecodeString(address)
	if err != nil || len(b)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for i := 0; i < len(b); i += 4 {
		binary.BigEndian.PutUint32(b[i:], binary.LittleEndian.Uint32(b[i:]))
	}
	ip, ok := netip.AddrFromSlice(b)
	n, err := strconv.ParseUint(port, 16, 16)
	if !ok || err != nil {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(ip.Unmap(), uint16(n)), true
}

// findUnix finds a unix socket and its path, which may be empty, in a table
// such as
//
//	ffff8880: 00000002 00000000 00010000 0001 01 4711 /run/mysqld/mysqld.sock
func (fs FS) findUnix(pid int, inode uint64) (path string, found bool) {
	want := strconv.FormatUint(inode, 10)
	lines(fs.path(pid, "net", "unix"), func(f []string) bool {
		if len(f) < 7 || f[6] != want {
			return false
		}
		found = true
		if len(f) > 7 {
			path = f[7]
		}
		return true
	})
	return path, found
}
