package listen

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestHandAndTake(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	old, _ := table(t)
	open(t, old, Spec{Address: "127.0.0.1:" + freePort(t), Backlog: 5})
	open(t, old, Spec{Address: path, Mode: "0600"})
	text, err := json.Marshal(old.Hand())
	if err != nil {
		t.Fatal(err)
	}
	var list []Handed
	if err := json.Unmarshal(text, &list); err != nil {
		t.Fatal(err)
	}
	for i := range list {
		list[i].FD = dup(t, list[i].FD)
	}
	next, _ := table(t)
	if err := next.Take(list); err != nil {
		t.Fatal(err)
	}
	old.Release()
	for _, s := range next.Sockets() {
		again := open(t, next, s.spec)
		if again != s {
			t.Errorf("%s was opened anew", s.Key)
		}
	}
	next.Close()
	if _, err := os.Lstat(path); err == nil {
		t.Error("the file of the socket is left")
	}
}

func TestTakeOfWhatDoesNotListen(t *testing.T) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	next, _ := table(t)
	if err := next.Take([]Handed{{FD: int(null.Fd()), Key: "/run/x"}}); err == nil || !strings.Contains(err.Error(), "does not listen") {
		t.Errorf("took it with %v", err)
	}
	if next.Get("/run/x") != nil {
		t.Error("it is in the table")
	}
}
