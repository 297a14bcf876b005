package cgi

import (
	"slices"
	"testing"
)

func TestQueryArgs(t *testing.T) {
	tests := []struct {
		method, query string
		want          []string
	}{
		{"GET", "", nil},
		{"GET", "one", []string{"one"}},
		{"HEAD", "one+two%20words", []string{"one", "two words"}},
		{"POST", "one", nil},
		{"GET", "a=b", nil},
		{"GET", "a%3Db", []string{"a=b"}},
		{"GET", "%2B+-s", []string{"+", "-s"}},
		{"GET", "a++b", nil},
		{"GET", "+", nil},
		{"GET", "a%0", nil},
		{"GET", "a%zz+b", nil},
		{"GET", "a%00b", nil},
		{"GET", "a%0Ab%26c;d$e", []string{"a\\\nb\\&c\\;d\\$e"}},
		{"GET", "%c3%a9", []string{"é"}},
	}
	for _, tt := range tests {
		if got := QueryArgs([]byte(tt.method), []byte(tt.query)); !slices.Equal(got, tt.want) {
			t.Errorf("%s ?%s: got %q, want %q", tt.method, tt.query, got, tt.want)
		}
	}
}

func TestIsNPH(t *testing.T) {
	for script, want := range map[string]bool{
		"/srv/nph-x.cgi": true, "nph-": true, "/srv/nph-dir/x.cgi": false, "/srv/xnph-y": false, "": false,
	} {
		if got := IsNPH(script); got != want {
			t.Errorf("%q: %v", script, got)
		}
	}
}

func TestDecodePercent(t *testing.T) {
	tests := []struct {
		in, want string
		valid    bool
	}{
		{"", "", true},
		{"a%20b%2f%2F", "a b//", true},
		{"%", "%", false},
		{"%4", "%4", false},
		{"%4g%41", "%4gA", false},
		{"%%41", "%A", false},
	}
	for _, tt := range tests {
		if got, valid := decodePercent(nil, []byte(tt.in)); string(got) != tt.want || valid != tt.valid {
			t.Errorf("%q: got %q, %v", tt.in, got, valid)
		}
	}
}
