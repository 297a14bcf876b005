package accesslog

import (
	"os"
	"strings"
	"testing"
)

// TestDocs wants every token, and every modifier of ours, in
// docs/access-log.md.
func TestDocs(t *testing.T) {
	page, err := os.ReadFile("../../docs/access-log.md")
	if err != nil {
		t.Fatal(err)
	}
	for letter := range tokens {
		if !strings.Contains(string(page), "`%"+string(letter)+"`") {
			t.Errorf("docs/access-log.md has no %%%c", letter)
		}
	}
	for name := range tokens['x'].named {
		if !strings.Contains(string(page), "`%{"+name+"}x`") {
			t.Errorf("docs/access-log.md has no %%{%s}x", name)
		}
	}
}
