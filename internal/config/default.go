package config

import (
	"os"
	"path/filepath"
	"strconv"
)

// Default returns the built-in configuration of "anyfpm run" without a file:
// one pool, www, that runs the CGI scripts below root, for FastCGI on fcgiAddr
// and for browsers on httpAddr. Empty addresses stand for 127.0.0.1:9000 and
// 127.0.0.1:8080. The log goes to standard error.
//
// Neither root nor the addresses are checked: opening them will tell.
func Default(root, httpAddr, fcgiAddr string) *Config {
	if httpAddr == "" {
		httpAddr = "127.0.0.1:8080"
	}
	if fcgiAddr == "" {
		fcgiAddr = "127.0.0.1:9000"
	}
	noLog := func(string) error { return nil }
	l := newLoader("", Options{System: System{CreateLog: noLog}})
	builtin := place{}
	l.set("error_log", "", builtin)
	l.set("daemonize", "no", builtin)
	l.set("control.listen", DefaultControl(), builtin)
	l.enter("www", builtin)
	for _, d := range [][2]string{
		{"listen", fcgiAddr},
		{"listen.http", httpAddr},
		{"http.root", root},
		{"runner", "cgi"},
		{"pm", "ondemand"},
		{"pm.max_children", "16"},
		{"pm.status_path", "/status"},
		{"ping.path", "/ping"},
		{"catch_workers_output", "yes"},
	} {
		l.set(d[0], d[1], builtin)
	}
	l.add(statement{name: "env", key: "PATH", value: "/usr/local/bin:/usr/bin:/bin"}, builtin)
	l.process()
	l.config.Global.ErrorLog = ""
	return l.config
}

// DefaultControl is the control socket of the built-in configuration: for root
// in /run, else in the user's runtime directory or, without one, in a
// temporary directory; not where its name would be too long for a socket.
func DefaultControl() string {
	return controlPath(os.Geteuid(), os.Getenv("XDG_RUNTIME_DIR"), os.TempDir())
}

func controlPath(uid int, runtimeDir, tempDir string) string {
	const name = "anyfpm.sock"
	if uid == 0 {
		return filepath.Join("/run", name)
	}
	if path := filepath.Join(runtimeDir, name); runtimeDir != "" && len(path) <= maxSocketPath {
		return path
	}
	own := "anyfpm-" + strconv.Itoa(uid) + ".sock"
	if path := filepath.Join(tempDir, own); len(path) <= maxSocketPath {
		return path
	}
	return filepath.Join("/tmp", own)
}
