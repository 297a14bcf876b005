package slowlog

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/anyfpm/anyfpm/slowlog/internal/golden"
)

// recursion are programs that are 20 calls deep when they say END and sleep.
var recursion = map[string]string{
	"python": "import time\ndef f(n):\n  if n: return f(n - 1)\n  print('END', flush=True); time.sleep(600)\nf(18)\n",
	"php":    "<?php function f($n) { if ($n) return f($n - 1); echo \"END\\n\"; @ob_flush(); flush(); sleep(600); } f(17);",
	"perl":   "$| = 1; sub f { my $n = shift; return f($n - 1) if $n; print \"END\\n\"; sleep 600 } f(18);",
	"ruby":   "$stdout.sync = true\ndef f(n)\n  return f(n - 1) if n > 0\n  puts 'END'; sleep 600\nend\nf(17)\n",
}

// BenchmarkReport is a whole report of a worker that is blocked 20 frames deep:
// its stack, what it waits for and its children. BenchmarkStack is the stack
// alone.
func BenchmarkReport(b *testing.B) { benchmark(b, func(t *Target) { t.Report(context.Background()) }) }

// BenchmarkStack is what the bound is about: under 200 µs.
func BenchmarkStack(b *testing.B) {
	benchmark(b, func(t *Target) {
		if stacks, err := t.program.walk(t.opt); err != nil || len(stacks) == 0 {
			b.Fatal(err)
		}
	})
}

func benchmark(b *testing.B, sample func(*Target)) {
	for _, i := range golden.Interpreters() {
		b.Run(i.Name, func(b *testing.B) {
			dir := b.TempDir()
			if i.Root != "" {
				dir = filepath.Join(i.Root, "tmp")
			}
			p, err := i.Start(dir, recursion[i.Language.Name])
			if err != nil {
				b.Fatal(err)
			}
			defer p.Stop()
			defer os.Remove(filepath.Join(i.Root, p.File))
			target, err := Open(p.PID, Options{})
			if err != nil {
				b.Fatal(err)
			}
			var first Report
			eventually(b, "the program sleeps", func() bool {
				first = target.Report(context.Background())
				return len(first.Stacks) > 0 && strings.Contains(first.Wait.State, "S")
			})
			if n := len(first.Stacks[0].Frames); n < 18 || n > 22 {
				b.Fatalf("%d frames", n)
			}
			var took []time.Duration
			for b.Loop() {
				start := time.Now()
				sample(target)
				took = append(took, time.Since(start))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Nanoseconds())/1000, "µs/median")
			b.ReportMetric(float64(took[len(took)*99/100].Nanoseconds())/1000, "µs/p99")
		})
	}
}
