package master

import (
	"errors"
	"testing"
)

// A pool whose workers start after all does not go on telling why they did not.
func TestReadyPoolHasNoFailure(t *testing.T) {
	s := &supervisor{}
	p := &pool{current: s}
	p.supervisorFailed(s, errors.New("no interpreter"))
	if p.state != poolFailing || p.failure != "no interpreter" {
		t.Fatalf("it is %v because of %q", p.state, p.failure)
	}
	p.supervisorReady(s)
	if p.state != poolServing || p.failure != "" {
		t.Errorf("it is %v and failing because of %q", p.state, p.failure)
	}
}
