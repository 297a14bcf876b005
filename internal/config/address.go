package config

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

// maxSocketPath is the longest path of a unix socket in bytes.
const maxSocketPath = 107

// ParseListen reads the address of a listening socket by php-fpm's rules: a
// port alone, HOST:PORT (an IPv6 address with or without brackets), or the
// path of a unix socket, which Load has made absolute. The results are for
// net.Listen; a port alone listens on every address. Hosts are not looked up.
func ParseListen(s string) (network, address string, err error) {
	if !isInet(s) {
		if len(s) > maxSocketPath {
			return "", "", fmt.Errorf("cannot bind to UNIX socket '%s' as path is too long (found length: %d, maximal length: %d)", s, len(s), maxSocketPath)
		}
		return "unix", s, nil
	}
	host, port := "", s
	if colon := strings.LastIndexByte(s, ':'); colon >= 0 {
		host, port = s[:colon], s[colon+1:]
		if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
			host = host[1 : len(host)-1]
		}
		if host == "" {
			return "", "", fmt.Errorf("invalid address '%s': there is no host before the ':'", s)
		}
	}
	if n, err := strconv.Atoi(port); err != nil || !isDigits(port) || n < 1 || n > 65535 {
		return "", "", fmt.Errorf("invalid port value '%s'", port)
	}
	return "tcp", net.JoinHostPort(host, strings.TrimLeft(port, "0")), nil
}

// isInet reports whether an address is one of TCP rather than a path.
func isInet(s string) bool { return strings.Contains(s, ":") || isDigits(s) }
