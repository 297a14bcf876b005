package config

import (
	"bytes"
	"os"
	"testing"
)

const referenceFile = "../../docs/configuration.md"

// TestReference compares the committed reference with the table.
func TestReference(t *testing.T) {
	var out bytes.Buffer
	if err := Reference(&out); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(referenceFile, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	committed, err := os.ReadFile(referenceFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(committed, out.Bytes()) {
		t.Error("docs/configuration.md is out of date: run go generate ./internal/config")
	}
}
