// Package loop is the reactor under a pool's supervisor: one goroutine, one
// epoll instance, and everything that happens to a pool happens on it.
//
// A Loop calls handlers when descriptors become ready, timers when they are
// due and posted functions in the order they were posted, always from the
// goroutine that called Run. State that only handlers touch therefore needs
// no lock. Only [Loop.Post] and [Loop.Stop] may be called from other
// goroutines.
//
// Readiness is edge-triggered: a handler is told once that a descriptor
// became readable and remembers it until a read says otherwise (fewer bytes
// than asked for, or EAGAIN). Nothing is re-armed per request, which keeps
// the system calls of a request to those that move its bytes.
//
// The loop is our own and not gnet: the supervisor relays between
// descriptors of many kinds (sockets, pipes, worker sockets) in one place
// and must see every byte without a copy into a library's ring buffer; with
// x/sys that is less code here than the adapter to a library would be.
// prototypes/event-loop has the measurement behind the shape.
package loop
