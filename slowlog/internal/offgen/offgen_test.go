package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// What is committed is what the facts give.
func TestTablesAreUpToDate(t *testing.T) {
	const repository = "../../.."
	for _, table := range tables {
		want, err := table.render()
		if err != nil {
			t.Errorf("%s: %v", table.language, err)
			continue
		}
		got, err := os.ReadFile(filepath.Join(repository, table.file))
		if err != nil {
			t.Error(err)
			continue
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what the facts give: go run ./slowlog/internal/offgen tables .", table.file)
		}
	}
}

func TestParseFacts(t *testing.T) {
	f, err := parseFacts("1.0", "# source: here\nstruct x.y 12\nsizeof(z) 4\n")
	if err != nil {
		t.Fatal(err)
	}
	if f.source != "here" || f.numbers["struct x.y"] != 12 || f.numbers["sizeof(z)"] != 4 {
		t.Errorf("got %+v", f)
	}
	for name, text := range map[string]string{
		"no source":  "x 1\n",
		"no number":  "# source: a\nx\n",
		"not number": "# source: a\nx y\n",
		"twice":      "# source: a\nx 1\nx 2\n",
	} {
		if _, err := parseFacts("1.0", text); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestVerifyRefusesWhatTheCodeDoesNotBelieve(t *testing.T) {
	table := table{language: "x", checks: []check{{"a", 8}}}
	if err := table.verify(facts{numbers: map[string]uint64{"a": 16}}); err == nil {
		t.Error("a fact against the code was accepted")
	}
	if err := table.verify(facts{numbers: map[string]uint64{"b": 16}}); err != nil {
		t.Error(err)
	}
}
