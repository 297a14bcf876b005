//go:build integration

package workers

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/anyfpm/anyfpm/tests/harness"
)

var suite harness.Suite

var (
	outputMiB = flag.Int("output", 64, "length of a long response in `MiB`")
	crashes   = flag.Int("crashes", 5, "how many `times` all workers crash")
)

func TestMain(m *testing.M) { os.Exit(suite.Run(m)) }

// A pool of so many workers, with a status page.
func static(workers int) string {
	return fmt.Sprintf("[www]\npm = static\npm.max_children = %d\npm.status_path = /status\n", workers)
}

// idle says that there are so many workers, and that all are idle. (The counts
// of the status page have an active one for the page itself.)
func idle(n int) func(harness.Status) bool {
	return func(s harness.Status) bool {
		for _, p := range s.Processes {
			if p.State != "Idle" {
				return false
			}
		}
		return len(s.Processes) == n
	}
}

// pids lists the workers that the status page shows.
func pids(s harness.Status) []int {
	var all []int
	for _, p := range s.Processes {
		all = append(all, p.PID)
	}
	return all
}

// pid is the answer of a script that tells its process.
func pid(t *testing.T, res harness.Response) int {
	t.Helper()
	n, err := strconv.Atoi(strings.TrimSpace(res.Body))
	if err != nil {
		t.Fatalf("got %d %q, stderr %q, want a pid", res.Status, res.Body, res.Stderr)
	}
	return n
}

const pidScript = "import os\nprint('Content-Type: text/plain\\n\\n%d' % os.getpid())\n"

func ownerOf(info os.FileInfo) uint32 {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return stat.Uid
	}
	return ^uint32(0)
}
