package config

import (
	"strings"
	"testing"
)

func TestParseListen(t *testing.T) {
	long := "/" + strings.Repeat("x", maxSocketPath)
	for _, c := range []struct{ in, network, address, fault string }{
		{"9000", "tcp", ":9000", ""},
		{"09000", "tcp", ":9000", ""},
		{"127.0.0.1:9000", "tcp", "127.0.0.1:9000", ""},
		{"localhost:80", "tcp", "localhost:80", ""},
		{"[::1]:9000", "tcp", "[::1]:9000", ""},
		{"::1:9000", "tcp", "[::1]:9000", ""},
		{":::9000", "tcp", "[::]:9000", ""},
		{"/run/www.sock", "unix", "/run/www.sock", ""},
		{"www.sock", "unix", "www.sock", ""},
		{long[:maxSocketPath], "unix", long[:maxSocketPath], ""},
		{long, "", "", "cannot bind to UNIX socket '" + long + "' as path is too long (found length: 108, maximal length: 107)"},
		{"0", "", "", "invalid port value '0'"},
		{"65536", "", "", "invalid port value '65536'"},
		{"127.0.0.1:", "", "", "invalid port value ''"},
		{"127.0.0.1:http", "", "", "invalid port value 'http'"},
		{"127.0.0.1:+80", "", "", "invalid port value '+80'"},
		{":9000", "", "", "invalid address ':9000': there is no host before the ':'"},
		{"[]:9000", "", "", "invalid address '[]:9000': there is no host before the ':'"},
		{"", "", "", "invalid port value ''"},
	} {
		network, address, err := ParseListen(c.in)
		fault := ""
		if err != nil {
			fault = err.Error()
		}
		if network != c.network || address != c.address || fault != c.fault {
			t.Errorf("%q: got %q %q %q", c.in, network, address, fault)
		}
	}
}
