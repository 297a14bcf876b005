// Package pool decides which worker serves which request, and which workers
// there are: php-fpm's static, dynamic and ondemand process managers, a bounded
// queue, leases, timeouts, retirement, back-off and graceful ends.
//
// It is a state machine. It opens no socket, starts no process, reads no clock
// and has no goroutine: events and the time go in, actions come out, and the
// same events always give the same actions. So all of it is tested without
// anything running, and whoever embeds it keeps the choice of how to do I/O.
//
// # How to drive it
//
// Make a [Pool] with [New], call [Pool.Start] once, and then tell it what
// happens:
//
//   - a request came ([Pool.Arrive]), its client went away ([Pool.Cancel]), its
//     response is over ([Pool.Responded]), its worker is done with it
//     ([Pool.Free]);
//   - a worker can serve ([Pool.Ready]), grew too large ([Pool.Retire]), is gone
//     ([Pool.Exited]);
//   - time passed ([Pool.Tick]), as [Pool.Next] asks for;
//   - the pool shall end ([Pool.Drain], [Pool.Shutdown]).
//
// Every one of these takes the time, as a duration since a start that the caller
// chose, and returns the [Action]s that follow. The slice is used again by the
// next call.
//
// # In which order
//
// Actions are performed in the order they are returned: the report of a slow
// request comes before the stop of its worker, a refusal before the lease that
// it makes room for. If performing one brings the next event at once (a process
// cannot be started), call the pool, and append what it returns to the actions
// that are still to do. By then an action may be out of date, and shows it: a
// Lease stands only while the request's [Request.Worker] is the action's worker,
// a Start while [Worker.State] is [StateStarting], a Stop until it is [StateDead].
//
// After every event, and at the latest before sleeping, ask [Pool.Next] when to
// call [Pool.Tick]. A tick that is late or needless does no harm. A pool in
// which nothing is due wants no tick at all.
//
// # Requests
//
// A [Request] belongs to the caller, who embeds it in its own and sets Owner to
// find that again. From Arrive on it is the pool's until it has ended, which it
// does exactly once:
//
//   - by Free, the ordinary case;
//   - by a [Refuse] action: there was no worker for it, or its worker is gone;
//   - by an [End] action: its response was over when its worker exited;
//   - by Cancel while it waited.
//
// Waiting requests are served first in, first out. One whose worker exited is
// given to another worker, before those that wait, if it is Retryable or
// Unread, no client went away and it was the first attempt.
//
// # Workers
//
// A [Worker] is the pool's. It is born with a [Start] action, to which the caller
// answers with Ready or Exited, in the end always Exited. The worker that became
// idle last is leased first, so that caches are warm and the surplus stays idle
// until it is stopped. [Stop] actions escalate by themselves until Exited.
//
// With Config.Slots there are no processes to keep: a worker is a slot for one
// script and appears first in a [Lease]. When the script is gone its lease is
// ended by exactly one of Free and Exited, and the slot is free with it.
//
// A worker that outlived its limits is replaced before it leaves: see
// Config.MaxChildren for what that means for the number of processes.
//
// docs/states.md shows the states of workers, requests and pools with every
// event. What cannot happen is ignored, counted and reported to Config.Fault.
package pool
