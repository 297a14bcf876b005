// Package sockdiag asks the kernel how many connections wait in the backlog
// of a listening socket, how many may, and how many found no room.
//
// For a unix socket it uses the sock_diag netlink family, which names sockets
// by inode; for a TCP socket getsockopt is enough. Neither needs a privilege,
// and neither waits: the kernel answers a question while it is being asked.
package sockdiag
