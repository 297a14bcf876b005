// Package listen opens the sockets of pools by php-fpm's rules and keeps them
// for as long as a configuration names them.
//
// A [Table] belongs to one goroutine. It hands out plain descriptors,
// non-blocking and close-on-exec, and knows the sockets it inherited from
// systemd (LISTEN_FDS) or from a program image before this one (FPM_SOCKETS),
// so that a reload or an upgrade never closes a socket in between.
package listen
