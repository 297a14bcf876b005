package loop

import (
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// run starts a loop and stops it after the test.
func run(t *testing.T) *Loop {
	t.Helper()
	l, err := New()
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- l.Run() }()
	t.Cleanup(func() {
		l.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		l.Close()
	})
	return l
}

// handler is a function called with readiness.
type handler func(Ready)

func (h handler) Ready(r Ready) { h(r) }

func pipe(t *testing.T) (r, w int) {
	t.Helper()
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = unix.Close(fds[0])
		_ = unix.Close(fds[1])
	})
	return fds[0], fds[1]
}

func TestPostedFunctionsRunInOrder(t *testing.T) {
	l := run(t)
	const posts = 10_000
	var got []int
	var wg sync.WaitGroup
	wg.Add(posts)
	for i := range posts {
		l.Post(func() { got = append(got, i); wg.Done() })
	}
	wg.Wait()
	if !slices.IsSorted(got) || len(got) != posts {
		t.Errorf("%d functions ran, in order: %v", len(got), slices.IsSorted(got))
	}
}

func TestPostsOfManyGoroutines(t *testing.T) {
	l := run(t)
	var wg sync.WaitGroup
	count := 0
	for range 8 {
		wg.Go(func() {
			for range 1000 {
				done := make(chan struct{})
				l.Post(func() { count++; close(done) })
				<-done
			}
		})
	}
	wg.Wait()
	done := make(chan int)
	l.Post(func() { done <- count })
	if n := <-done; n != 8000 {
		t.Errorf("%d posts ran", n)
	}
}

// What is posted is done whether the loop works, falls asleep or sleeps.
func TestPostToALoopThatFallsAsleep(t *testing.T) {
	l := run(t)
	for range 20_000 {
		done := make(chan struct{})
		l.Post(func() { close(done) })
		<-done
	}
}

// The end of a process is told whoever asked for it to be watched, and whether
// it came before or after.
func TestWatchExit(t *testing.T) {
	l := run(t)
	exits, set := make(chan struct{}, 100), make(chan struct{})
	l.Post(func() {
		l.OnExit(func() { exits <- struct{}{} })
		close(set)
	})
	<-set
	for _, early := range []bool{true, false} {
		cmd := exec.Command("cat")
		stdin, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		pidfd, err := unix.PidfdOpen(cmd.Process.Pid, 0)
		if err != nil {
			t.Fatal(err)
		}
		watch := func() {
			if err := l.WatchExit(pidfd); err != nil {
				t.Error(err)
			}
		}
		if early {
			watch()
		}
		_ = stdin.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
		if !early {
			watch()
		}
		<-exits
		_ = unix.Close(pidfd)
	}
}

func TestReadinessComesOncePerEdge(t *testing.T) {
	l := run(t)
	r, w := pipe(t)
	ready := make(chan Ready, 10)
	l.Post(func() {
		if err := l.Add(r, handler(func(e Ready) { ready <- e })); err != nil {
			t.Error(err)
		}
	})
	_, _ = unix.Write(w, []byte("x"))
	if e := <-ready; e&Readable == 0 {
		t.Errorf("got %x", e)
	}
	_, _ = unix.Write(w, []byte("y"))
	<-ready
	done := make(chan int)
	l.Post(func() { done <- len(ready) })
	if n := <-done; n != 0 {
		t.Errorf("%d further calls without news", n)
	}
}

func TestWantWrite(t *testing.T) {
	l := run(t)
	r, w := pipe(t)
	full := make([]byte, 1<<20)
	n, errno := Write(w, full)
	if errno != 0 || n == len(full) {
		t.Fatalf("wrote %d, %v", n, errno)
	}
	writable := make(chan struct{}, 10)
	armed := make(chan struct{})
	l.Post(func() {
		if err := l.Add(w, handler(func(e Ready) {
			if e&Writable != 0 {
				writable <- struct{}{}
			}
		})); err != nil {
			t.Error(err)
		}
		if err := l.WantWrite(w); err != nil {
			t.Error(err)
		}
		close(armed)
	})
	<-armed
	for got := 0; got < n; {
		m, errno := Read(r, full)
		if errno != 0 {
			t.Fatal(errno)
		}
		got += m
	}
	<-writable
}

// An event that was collected for a descriptor is not given to another one
// that has its number by the time it is handled.
func TestLateEventOfAReusedDescriptor(t *testing.T) {
	l := run(t)
	r1, w1 := pipe(t)
	r2, w2 := pipe(t)
	var surprised bool
	handled := make(chan struct{})
	l.Post(func() {
		first := true
		replace := func(other int) handler {
			return func(Ready) {
				if !first {
					return
				}
				first = false
				// Both pipes are ready; the other's event is already collected.
				l.Remove(other)
				var fds [2]int
				_ = unix.Pipe2(fds[:], unix.O_NONBLOCK|unix.O_CLOEXEC)
				_ = unix.Dup3(fds[0], other, unix.O_CLOEXEC)
				_ = l.Add(other, handler(func(Ready) { surprised = true }))
				_ = unix.Close(fds[0])
				t.Cleanup(func() { _ = unix.Close(fds[1]) })
				l.Post(func() {
					l.Remove(other) // before it is really ready: its writer closes at the end
					close(handled)
				})
			}
		}
		_ = l.Add(r1, replace(r2))
		_ = l.Add(r2, replace(r1))
		_, _ = unix.Write(w1, []byte("x"))
		_, _ = unix.Write(w2, []byte("x"))
	})
	<-handled
	if surprised {
		t.Error("a new descriptor got the event of the one before")
	}
}

func TestTimersFireInOrder(t *testing.T) {
	l := run(t)
	var got []int
	done := make(chan struct{})
	l.Post(func() {
		for _, i := range []int{3, 1, 2} {
			l.Set(NewTimer(func() { got = append(got, i) }), l.Now()+time.Duration(i)*time.Millisecond)
		}
		cleared := NewTimer(func() { t.Error("a cleared timer fired") })
		l.Set(cleared, l.Now()+time.Millisecond)
		l.Clear(cleared)
		l.Clear(cleared)
		moved := NewTimer(func() { close(done) })
		l.Set(moved, l.Now())
		l.Set(moved, l.Now()+5*time.Millisecond)
	})
	<-done
	if !slices.Equal(got, []int{1, 2, 3}) {
		t.Errorf("fired %v", got)
	}
}

// Time that is skipped is time that has passed, for Now and for timers.
func TestSkip(t *testing.T) {
	l := run(t)
	fired := make(chan time.Duration, 2)
	l.Post(func() {
		due := l.Now() + time.Hour
		l.Set(NewTimer(func() { fired <- l.Now() - due }), due)
		l.Set(NewTimer(func() { t.Error("a timer of the next hour fired") }), due+time.Hour)
		l.Skip(time.Hour)
	})
	if late := <-fired; late < 0 || late > time.Hour/2 {
		t.Errorf("the timer fired %v late", late)
	}
}

// Skipped time brings forward what the loop already sleeps for.
func TestSkipBringsForward(t *testing.T) {
	l := run(t)
	fired := make(chan struct{})
	ready := make(chan struct{})
	l.Post(func() {
		l.Set(NewTimer(func() { close(fired) }), l.Now()+time.Hour+20*time.Millisecond)
		l.Post(func() { close(ready) })
	})
	<-ready
	l.Post(func() { l.Skip(time.Hour) }) // it may sleep for the hour by now
	<-fired
}

func TestTimeout(t *testing.T) {
	for _, test := range []struct{ at, now, want time.Duration }{
		{0, 0, 0}, {1, 0, 1}, {time.Second, 2 * time.Second, 0}, {100 * time.Hour, time.Hour, 99 * time.Hour},
	} {
		if got := (timerHeap{{at: test.at}}).timeout(test.now); got != test.want {
			t.Errorf("with a timer at %v it sleeps %v at %v, want %v", test.at, got, test.now, test.want)
		}
	}
	if got := (timerHeap{}).timeout(0); got >= 0 {
		t.Errorf("without timers it sleeps %v", got)
	}
}

func BenchmarkPost(b *testing.B) {
	l, err := New()
	if err != nil {
		b.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- l.Run() }()
	reply := make(chan struct{})
	for b.Loop() {
		l.Post(func() { reply <- struct{}{} })
		<-reply
	}
	l.Stop()
	if err := <-done; err != nil {
		b.Error(err)
	}
	l.Close()
}

// Send hands descriptors over, and a peer that is gone is no signal.
func TestSend(t *testing.T) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(pair[0]) }()
	r, w := pipe(t)
	if n, errno := Send(pair[0], []byte("two"), r, w); n != 3 || errno != 0 {
		t.Fatalf("sent %d, %v", n, errno)
	}
	buf, ancillary := make([]byte, 10), make([]byte, unix.CmsgSpace(4*4))
	n, size, _, _, err := unix.Recvmsg(pair[1], buf, ancillary, unix.MSG_CMSG_CLOEXEC)
	if err != nil || string(buf[:n]) != "two" {
		t.Fatalf("got %q, %v", buf[:n], err)
	}
	messages, err := unix.ParseSocketControlMessage(ancillary[:size])
	if err != nil || len(messages) != 1 {
		t.Fatalf("got %d messages, %v", len(messages), err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 2 {
		t.Fatalf("got descriptors %v, %v", fds, err)
	}
	for _, fd := range fds {
		_ = unix.Close(fd)
	}
	_ = unix.Close(pair[1])
	if n, errno := Send(pair[0], []byte("nobody")); errno != unix.EPIPE {
		t.Errorf("sent %d, %v", n, errno)
	}
}
