// Package harness runs the real anyfpm binary for scenario tests, in the image
// of php-fpm's own tester: write a pool file, start, send requests, signal,
// expect log lines, stop.
//
//	d := harness.Start(t, harness.Service{Conf: `
//	[www]
//	pm = static
//	pm.max_children = 2
//	`})
//	d.Script("hello.sh", "#!/bin/sh\nprintf 'Content-Type: text/plain\n\nhello'")
//	res := d.Get("/hello.sh")
//	d.Signal(syscall.SIGQUIT)
//	d.Log.Expect("NOTICE: exiting, bye-bye!")
//
// Everything a test starts lives in one directory (Sandbox) and below one
// keeper process, which adopts what its descendants leave behind. So when a
// test ends the harness knows, and fails the test, if a process, a socket, a
// pid file, a temporary file or a descriptor was left.
//
// The harness speaks FastCGI with records of its own making and not with
// package fcgi, so that a fault there cannot hide itself.
package harness
