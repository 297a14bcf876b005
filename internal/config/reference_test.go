package config

import (
	"bytes"
	"os"
	"strings"
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

// TestReferenceExample loads the configuration that the reference begins with.
func TestReferenceExample(t *testing.T) {
	_, rest, _ := strings.Cut(referenceIntro, "```ini\n")
	example, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("the introduction has no example")
	}
	if _, notices, err := Load(write(t, example), Options{Root: true, System: System{
		CreateLog: func(string) error { return nil }, LookupUser: fakeUser, LookupGroup: fakeGroup,
	}}); err != nil || len(notices) > 0 {
		t.Errorf("%v, %v", notices, err)
	}
}
