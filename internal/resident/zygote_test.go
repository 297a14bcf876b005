package resident_test

import (
	"testing"

	"github.com/anyfpm/anyfpm/internal/resident"
)

// A zygote is a worker that forks others.
type zygote struct {
	*worker
	exits map[int]uint32 // wait status by pid, of EXITED frames seen
}

func spawnZygote(t testing.TB, kind string, start resident.Start) *zygote {
	t.Helper()
	start.Zygote = true
	return &zygote{spawn(t, kind, start), map[int]uint32{}}
}

// fork has the zygote fork a worker, and returns it once it is ready.
func (z *zygote) fork() *worker {
	z.t.Helper()
	w := z.forkUnready()
	w.awaitHello()
	return w
}

func (z *zygote) forkUnready() *worker {
	z.t.Helper()
	w, ends := newWorker(z.t)
	z.send(resident.AppendFork(nil), int(ends.control.Fd()), int(ends.stdout.Fd()), int(ends.stderr.Fd()))
	ends.close()
	ev := z.await(resident.EventChild)
	if ev.PID == 0 {
		z.t.Fatal("zygote could not fork")
	}
	w.pid = ev.PID
	return w
}

// await waits for an event of a kind and notes the exits before it.
func (z *zygote) await(kind resident.EventKind) resident.Event {
	z.t.Helper()
	for {
		ev, ok := z.next(nil)
		if !ok {
			z.t.Fatalf("zygote ended: %s", z.log.String())
		}
		if ev.Kind == resident.EventExited {
			z.exits[ev.PID] = ev.WaitStatus
		}
		if ev.Kind == kind {
			return ev
		}
	}
}

// awaitExit waits for the exit of a child and returns its wait status.
func (z *zygote) awaitExit(pid int) uint32 {
	z.t.Helper()
	for {
		if status, ok := z.exits[pid]; ok {
			return status
		}
		z.await(resident.EventExited)
	}
}
