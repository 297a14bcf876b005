package slowlog

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"testing"
)

// reportVar, when set, makes the test binary report on the process it names
// and print the report as JSON: that is how a report is made with other
// rights than the test's.
const reportVar = "SLOWLOG_REPORT_PID"

func TestMain(m *testing.M) {
	if text := os.Getenv(reportVar); text != "" {
		if err := reportOn(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func reportOn(text string) error {
	pid, err := strconv.Atoi(text)
	if err != nil {
		return err
	}
	target, err := Open(pid, Options{})
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(target.Report(context.Background()))
}
