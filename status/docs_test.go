package status

import (
	"os"
	"strings"
	"testing"
)

// TestDocs wants every field explained in docs/status.md.
func TestDocs(t *testing.T) {
	data, err := os.ReadFile("../docs/status.md")
	if err != nil {
		t.Fatal(err)
	}
	page := strings.NewReplacer(
		"idle, active, total processes", "idle processes, active processes, total processes",
		"starting, stopping processes", "starting processes, stopping processes",
		"queue time p50, p99; request time p50, p99", "queue time p50, queue time p99, request time p50, request time p99",
	).Replace(string(data))
	fields := append(poolFields(&Snapshot{}, now), ownPoolFields(&Snapshot{})...)
	fields = append(fields, processFields(&Process{}, now)...)
	fields = append(fields, ownProcessFields(&Process{})...)
	for _, f := range fields {
		if !strings.Contains(page, f.name) && !strings.HasPrefix(f.name, "outcome ") {
			t.Errorf("docs/status.md does not mention %q", f.name)
		}
	}
}
