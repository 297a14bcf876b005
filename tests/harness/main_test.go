package harness_test

import (
	"os"
	"testing"

	"github.com/anyfpm/anyfpm/tests/harness"
)

func TestMain(m *testing.M) {
	harness.Main()
	if os.Getenv("FAKE_MANAGER") != "" {
		os.Exit(fakeManager(os.Args[len(os.Args)-1]))
	}
	os.Exit(m.Run())
}
