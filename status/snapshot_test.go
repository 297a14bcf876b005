package status

import (
	"encoding/json"
	"reflect"
	"testing"
)

// TestSnapshotTransport sends a snapshot through JSON and back.
func TestSnapshotTransport(t *testing.T) {
	s := example()
	s.Exits = map[string]uint64{"idle": 3}
	s.LogDrops = map[string]uint64{"access": 1}
	s.Responses.Add(200)
	for i := range s.Processes { // JSON has no invalid UTF-8 and no zones without a name
		p := &s.Processes[i]
		p.QueryString, p.User, p.StartTime = "q", "u", start
	}
	data, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var back Snapshot
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(&back, s) {
		t.Errorf("got  %+v\nwant %+v", &back, s)
	}
}

func TestOutcomesOfAnotherVersion(t *testing.T) {
	var c Outcomes
	if err := json.Unmarshal([]byte(`{"completed":5,"eaten_by_bear":1}`), &c); err != nil || c[Completed] != 5 {
		t.Errorf("got %v, %v", c, err)
	}
	if got := Outcome(200).String(); got != "unknown" {
		t.Errorf("an outcome that is none is %q", got)
	}
}

func TestResponses(t *testing.T) {
	var r Responses
	for _, code := range []int{100, 200, 204, 301, 404, 500, 0, 99, 600, 999, -1} {
		r.Add(code)
	}
	if want := (Responses{1, 2, 1, 1, 6}); r != want {
		t.Errorf("got %v, want %v", r, want)
	}
}
