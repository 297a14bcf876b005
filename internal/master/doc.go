// Package master is the process at the top: it opens the sockets and logs of
// a configuration, keeps one supervisor process per pool, and takes the
// operator's signals. It never reads a byte of a request.
//
// All state belongs to the goroutine of [Master.Run], which turns a loop
// (package loop). Signals, messages of supervisors, exits of processes and
// operators' requests are posted to it; what can block happens elsewhere and
// posts what came of it.
//
//	master.go      start and end of the service
//	phase.go       running, finishing, terminating: which request wins
//	signals.go     what each signal asks for
//	pool.go        a pool: its sockets and its supervisors
//	supervisor.go  one supervisor process and the connection to it
//	ondemand.go    pools without a process, and their return to that state
//	reload.go      from one configuration to the next, losing no request
//	shares.go      process.max over all pools
//	status.go      snapshots of all pools
//	operator.go    the control socket, with client.go at its other end
package master
