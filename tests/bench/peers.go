package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"github.com/anyfpm/anyfpm/tests/harness"
)

// fcgiwrap runs a CGI script with fcgiwrap.
func fcgiwrap(s script) contender {
	return contender{name: "fcgiwrap", start: func(t harness.T, o options) upstream {
		box, socket := place(t)
		launch(t, box, "/usr/sbin/fcgiwrap", "-c", strconv.Itoa(o.workers), "-s", "unix:"+socket)
		return serving(t, upstream{address: socket, root: box.WWW, path: s.install(box)})
	}}
}

// spawnFCGI runs a libfcgi program under spawn-fcgi, without any manager
// between it and nginx.
func spawnFCGI(keepAlive bool) contender {
	return contender{name: "spawn-fcgi" + kept(keepAlive), keepAlive: keepAlive, start: func(t harness.T, o options) upstream {
		box, socket := place(t)
		program := box.Program("libfcgi", libfcgiC, "-lfcgi")
		launch(t, box, "/usr/bin/spawn-fcgi", "-s", socket, "-M", "0666", "-F", strconv.Itoa(o.workers), "--", program)
		return serving(t, upstream{address: socket, root: box.WWW, path: "/"})
	}}
}

// phpFPM runs PHP with php-fpm.
func phpFPM(keepAlive bool) contender {
	return contender{name: "php-fpm" + kept(keepAlive), keepAlive: keepAlive, start: func(t harness.T, o options) upstream {
		d := harness.Start(t, harness.Service{
			Binary: program(t, "/usr/sbin/php-fpm*"),
			Global: []string{},
			Conf:   fmt.Sprintf("[www]\npm = static\npm.max_children = %d\n", o.workers),
			As:     identity(),
		})
		return upstream{address: d.Address(), root: d.WWW, path: phpHello.install(d.Sandbox)}
	}}
}

// uwsgi runs the WSGI application with uWSGI and its own protocol.
func uwsgi() contender {
	return contender{name: "uWSGI", start: func(t harness.T, o options) upstream {
		box, socket := place(t)
		launch(t, box, "/usr/bin/uwsgi", "--plugin", "python3", "--master", "--die-on-term", "--disable-logging",
			"--processes", strconv.Itoa(o.workers), "--socket", socket, "--chmod-socket=666",
			"--wsgi-file", box.File("app.py", appPy))
		return serving(t, upstream{address: socket, protocol: "uwsgi", root: box.WWW, path: "/"})
	}}
}

// gunicorn runs the WSGI application with gunicorn's sync workers over HTTP.
func gunicorn() contender {
	return contender{name: "gunicorn", start: func(t harness.T, o options) upstream {
		box, socket := place(t)
		box.File("app.py", appPy)
		launch(t, box, "/usr/bin/gunicorn", "--workers", strconv.Itoa(o.workers), "--bind", "unix:"+socket,
			"--worker-tmp-dir", box.Tmp, "--chdir", box.WWW, "app:application")
		return serving(t, upstream{address: socket, protocol: "http", root: box.WWW, path: "/"})
	}}
}

// prototypeRelay puts the prototype of the event loop before the trivial
// resident worker.
func prototypeRelay(keepAlive bool) contender {
	return contender{name: "prototype" + kept(keepAlive), keepAlive: keepAlive, start: func(t harness.T, o options) upstream {
		box, socket := place(t)
		relay := box.Path("www", "relay")
		build := exec.Command("go", "build", "-o", relay, ".")
		build.Dir = o.prototype
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("cannot build the prototype: %v\n%s", err, out)
		}
		p := launch(t, box, relay, "-listen", socket, "-n", strconv.Itoa(o.workers), "--", box.Program("resident", residentC))
		return serving(t, upstream{address: socket, root: box.WWW, path: "/", pid: p.PID})
	}}
}

func kept(keepAlive bool) string {
	if keepAlive {
		return ", kept"
	}
	return ""
}

// place makes a sandbox and a path for a socket in it.
func place(t harness.T) (box *harness.Sandbox, socket string) {
	box = harness.NewSandbox(t, identity())
	return box, box.Path("run", "peer.sock")
}

func launch(t harness.T, box *harness.Sandbox, args ...string) *harness.Process {
	args[0] = program(t, args[0])
	output, err := os.Create(filepath.Join(box.Logs, "output.log"))
	if err != nil {
		t.Fatalf("cannot make a file for the output: %v", err)
	}
	defer output.Close()
	return harness.Run(t, harness.Command{
		Args:   args,
		Env:    []string{"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + box.Dir, "TMPDIR=" + box.Tmp},
		Dir:    box.Dir,
		Output: output,
		As:     identity(),
	})
}

// program finds what a pattern names.
func program(t harness.T, pattern string) string {
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) == 0 {
		t.Fatalf("%s is missing: run scripts/install-test-deps bench", pattern)
	}
	return found[len(found)-1]
}

// serving waits until somebody listens, and lets nginx in.
func serving(t harness.T, up upstream) upstream {
	harness.Eventually(t, harness.Patience, func() error {
		if err := os.Chmod(up.address, 0o777); err != nil {
			return err
		}
		return harness.Listening(up.address)
	})
	return up
}
