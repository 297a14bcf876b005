// Command anyfpm is php-fpm for every language: it runs pools of workers
// behind FastCGI sockets, as php-fpm.conf files describe them.
package main

import "os"

func main() {
	a := &app{args: os.Args, environ: os.Environ(), stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}
	os.Exit(a.run())
}
