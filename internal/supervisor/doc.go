// Package supervisor is the process behind one pool: it accepts connections,
// reads requests, answers status and ping itself, queues the rest, leases a
// worker to each and relays what worker and web server have to say to each
// other.
//
// Everything that belongs to the pool is owned by one goroutine, the loop
// (package loop). What can block - starting a process, waiting for one,
// writing a log - happens on other goroutines, which post what came of it to
// the loop. So the state below needs no lock, and a request passes through
// without a goroutine of its own.
//
// The path of a request:
//
//	accept.go   a connection is accepted at once, whatever the workers do
//	conn.go     its bytes become FastCGI events, its answers bytes
//	request.go  BEGIN_REQUEST and PARAMS become a request
//	admit.go    status, ping, refusals; the script is found
//	body.go     the body is kept until a worker is free, in bounds
//	dispatch.go package pool decides: lease, queue, start, stop, refuse
//	script.go   a worker that is one process per request (CGI)
//	link.go     a worker that stays and is spoken to over a socket
//	response.go the response becomes FastCGI records
package supervisor
