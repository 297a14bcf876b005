package pool_test

import (
	"fmt"
	"time"

	"github.com/anyfpm/anyfpm/pool"
)

// perform stands for the caller that starts processes and moves bytes.
func perform(actions []pool.Action) {
	for _, a := range actions {
		switch a.Kind {
		case pool.Start:
			fmt.Printf("start a process for slot %d (%v)\n", a.Worker.Slot, a.Reason)
		case pool.Lease:
			fmt.Printf("send %v to slot %d\n", a.Request.Owner, a.Worker.Slot)
		case pool.Refuse:
			fmt.Printf("answer %v with 503 (%v)\n", a.Request.Owner, a.Reason)
		case pool.Stop:
			fmt.Printf("send %v to slot %d (%v)\n", a.Signal, a.Worker.Slot, a.Reason)
		default:
			fmt.Println(a.Kind, a.Reason)
		}
	}
}

// A pool that starts a worker for the first request and stops it when it has
// been idle for ten seconds.
func Example() {
	p, err := pool.New(pool.Config{
		Manager:            pool.Ondemand,
		MaxChildren:        1,
		ProcessIdleTimeout: 10 * time.Second,
		QueueMaxLength:     2,
		QueueTimeout:       30 * time.Second,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	now := time.Duration(0)
	perform(p.Start(now))

	first := pool.Request{Owner: "GET /"}
	second := pool.Request{Owner: "GET /logo.png"}
	third := pool.Request{Owner: "GET /favicon.ico"}

	actions := p.Arrive(now, &first)
	worker := actions[0].Worker
	perform(actions)
	perform(p.Arrive(now, &second))
	perform(p.Arrive(now, &third))

	now += 50 * time.Millisecond // the process is up
	perform(p.Ready(now, worker))
	now += 10 * time.Millisecond
	perform(p.Free(now, &first))
	now += 10 * time.Millisecond
	perform(p.Free(now, &second))

	now, _ = p.Next() // sleep until then
	perform(p.Tick(now))
	perform(p.Exited(now, worker))
	fmt.Println("quiet:", p.Empty())

	// Output:
	// start a process for slot 0 (demand)
	// notice max children reached
	// answer GET /favicon.ico with 503 (queue full)
	// send GET / to slot 0
	// send GET /logo.png to slot 0
	// send quit to slot 0 (idle)
	// quiet: true
}
