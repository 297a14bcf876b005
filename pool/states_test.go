package pool

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// TestStatesDocumented compares docs/states.md with the tables in the code,
// cell by cell in both directions.
func TestStatesDocumented(t *testing.T) {
	page, err := os.ReadFile("../docs/states.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := tablesOf(string(page))
	for section, want := range map[string][][]string{
		"Workers":  workerCells(),
		"Requests": requestCells(),
		"The pool": phaseCells(t),
	} {
		got := documented[section]
		if !slices.EqualFunc(got, want, slices.Equal) {
			t.Errorf("section %q says\n%v\nthe code says\n%v", section, lines(got), lines(want))
		}
	}
}

// tablesOf returns the cells of the table in each section of a page.
func tablesOf(page string) map[string][][]string {
	tables := map[string][][]string{}
	section := ""
	for line := range strings.Lines(page) {
		line = strings.TrimSpace(line)
		if name, ok := strings.CutPrefix(line, "## "); ok {
			section = name
		}
		row, ok := strings.CutPrefix(line, "|")
		if !ok || strings.HasPrefix(row, "-") {
			continue
		}
		cells := strings.Split(strings.TrimSuffix(row, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		tables[section] = append(tables[section], cells)
	}
	return tables
}

func lines(rows [][]string) string {
	var b strings.Builder
	for _, row := range rows {
		b.WriteString(strings.Join(row, " | ") + "\n")
	}
	return b.String()
}

func workerCells() [][]string {
	rows := [][]string{append([]string{"state"}, workerEventNames[:]...)}
	for s := StateStarting; s <= StateDead; s++ {
		row := []string{s.String()}
		for _, to := range workerTable[s] {
			row = append(row, cell(to != 0, to.String()))
		}
		rows = append(rows, row)
	}
	return rows
}

func requestCells() [][]string {
	rows := [][]string{append([]string{"state"}, requestEventNames[:]...)}
	for s := RequestNew; s <= RequestEnded; s++ {
		row := []string{s.String()}
		for _, to := range requestTable[s] {
			row = append(row, cell(to != RequestNew, to.String()))
		}
		rows = append(rows, row)
	}
	return rows
}

// phaseCells finds the phases by doing.
func phaseCells(t *testing.T) [][]string {
	rows := [][]string{{"phase", "drain", "shutdown"}}
	for ph := phaseRunning; ph <= phaseStopping; ph++ {
		row := []string{ph.String()}
		for _, event := range []string{"drain", "shutdown"} {
			p, err := New(Config{Manager: Static, MaxChildren: 1})
			if err != nil {
				t.Fatal(err)
			}
			p.raise(ph)
			if event == "drain" {
				p.Drain(0)
			} else {
				p.Shutdown(0)
			}
			row = append(row, p.phase.String())
		}
		rows = append(rows, row)
	}
	return rows
}

func cell(possible bool, to string) string {
	if !possible {
		return "–"
	}
	return to
}

// TestNames holds that every value has a name, since they stand in logs and
// metrics.
func TestNames(t *testing.T) {
	names := []string{
		Manager(9).String(), ActionKind(99).String(), Signal(9).String(), Reason(200).String(), Reason(9).String(),
		WorkerState(0).String(), RequestState(77).String(), phase(9).String(),
	}
	want := []string{
		"manager 9", "action 99", "signal 9", "reason 200", "reason 9", "state 0", "state 77", "phase 9",
	}
	if !slices.Equal(names, want) {
		t.Errorf("unknown values are called %q, want %q", names, want)
	}
	for _, known := range []string{
		Ondemand.String(), Notice.String(), Kill.String(), WorkerDied.String(), Shutdown.String(), Probe.String(),
		Recovered.String(), workerExit.String(), requestAbort.String(),
	} {
		if known == "" || strings.ContainsAny(known, "0123456789") {
			t.Errorf("a value is called %q", known)
		}
	}
}
