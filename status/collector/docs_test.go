package collector

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/anyfpm/anyfpm/status"
)

// TestDocs holds docs/metrics.md to the metrics and outcomes there are.
func TestDocs(t *testing.T) {
	page, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	written := map[string]bool{}
	for _, name := range regexp.MustCompile("`((?:any|php)fpm_[a-z_]+)`").FindAllSubmatch(page, -1) {
		written[string(name[1])] = true
	}
	for _, family := range gather(t, example) {
		if !written[family.GetName()] {
			t.Errorf("docs/metrics.md does not mention %s", family.GetName())
		}
		delete(written, family.GetName())
	}
	for name := range written {
		t.Errorf("docs/metrics.md mentions %s, which does not exist", name)
	}
	var outcomes []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|").FindAllSubmatch(page, -1) {
		outcomes = append(outcomes, string(row[1]))
	}
	for o := range len(status.Outcomes{}) {
		if name := status.Outcome(o).String(); !slices.Contains(outcomes, name) {
			t.Errorf("docs/metrics.md does not explain the outcome %s", name)
		}
	}
}
