package harness

import (
	_ "embed"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/template"
)

//go:embed nginx.conf.tmpl
var nginxConf string

// A Site says what nginx serves.
type Site struct {
	// Upstream is where FastCGI requests go: a path, or host:port. It is the
	// upstream "pool" of the configuration.
	Upstream string
	// KeepAlive is how many idle connections nginx keeps to the upstream; 0
	// makes it open one per request.
	KeepAlive int
	// Protocol is fastcgi when empty; uwsgi or http, for peers.
	Protocol string
	// Root is the document root.
	Root string
	// Server is text in the server block, Location in the location that
	// passes to the upstream.
	Server, Location string
	// HTTP is text in the http block, such as further servers.
	HTTP string
	// Workers is the number of nginx's processes; 1 when zero.
	Workers int
}

// An Nginx is a running web server on a port of the loopback.
type Nginx struct {
	*Process
	// Browser is its address.
	Browser
	// Log follows its error log: at its usual level that has a line for every
	// request that the upstream failed, also one that was tried again.
	Log *Log
}

// StartNginx starts the system's nginx in front of an upstream, as the same
// user as the service behind it.
func StartNginx(t T, site Site, as Identity) *Nginx {
	t.Helper()
	const program = "/usr/sbin/nginx"
	if _, err := os.Stat(program); err != nil {
		t.Fatalf("nginx is missing: run scripts/install-test-deps")
	}
	box := NewSandbox(t, as)
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(FreePort(t)))
	file := box.Path("nginx.conf")
	if err := os.WriteFile(file, []byte(site.configuration(t, box, address, as)), 0o644); err != nil {
		t.Fatalf("cannot write nginx's configuration: %v", err)
	}
	output, err := os.Create(filepath.Join(box.Logs, "output.log"))
	if err != nil {
		t.Fatalf("cannot make a file for nginx's output: %v", err)
	}
	defer output.Close()
	n := &Nginx{
		Process: Run(t, Command{
			Args:   []string{program, "-c", file, "-e", filepath.Join(box.Logs, "error.log")},
			Env:    []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"},
			Dir:    box.Dir,
			Output: output,
			As:     as,
		}),
		Browser: Browser("http://" + address),
		Log:     Follow(t, filepath.Join(box.Logs, "error.log")),
	}
	t.Cleanup(func() {
		if t.Failed() {
			box.dump()
		}
	})
	Eventually(t, Patience, func() error { return Listening(address) })
	return n
}

func (s Site) configuration(t T, box *Sandbox, address string, as Identity) string {
	t.Helper()
	if s.Protocol == "" {
		s.Protocol = "fastcgi"
	}
	if s.Workers == 0 {
		s.Workers = 1
	}
	server := s.Upstream
	if strings.HasPrefix(server, "/") {
		server = "unix:" + server
	}
	var text strings.Builder
	err := template.Must(template.New("nginx.conf").Parse(nginxConf)).Execute(&text, map[string]any{
		"Site": s, "Dir": box.Run, "Tmp": box.Tmp, "Address": address, "Upstream": server, "User": as.PoolUser,
	})
	if err != nil {
		t.Fatalf("cannot make nginx's configuration: %v", err)
	}
	return text.String()
}
