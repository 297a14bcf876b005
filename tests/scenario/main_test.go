//go:build integration

package scenario

import (
	"os"
	"testing"

	"github.com/anyfpm/anyfpm/tests/harness"
)

var suite harness.Suite

func TestMain(m *testing.M) { os.Exit(suite.Run(m)) }
