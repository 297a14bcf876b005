package pool

import (
	"os"
	"testing"
)

// FuzzEvents lets the fuzzer choose the configuration and the events, a byte
// per choice.
func FuzzEvents(f *testing.F) {
	f.Fuzz(func(t *testing.T, choices []byte) {
		w := newWorld(t, func(n int) (int, bool) {
			if len(choices) == 0 {
				return 0, false
			}
			c := int(choices[0]) % n
			choices = choices[1:]
			return c, true
		})
		for w.step() {
		}
		w.end()
	})
}

// TestCorpus fails when the committed corpus of FuzzEvents is missing: without
// it the target would pass by having nothing to run.
func TestCorpus(t *testing.T) {
	files, err := os.ReadDir("testdata/fuzz/FuzzEvents")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 10 {
		t.Errorf("the corpus of FuzzEvents has %d files", len(files))
	}
}
