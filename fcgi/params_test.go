package fcgi

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
)

func TestParams(t *testing.T) {
	content := Params{{"A", "1"}, {"B", ""}, {"A", "2"}, {"", "x"}}.Append(nil)
	params, err := ParseParams(content)
	if err != nil {
		t.Fatal(err)
	}
	if want := (Params{{"A", "1"}, {"B", ""}, {"A", "2"}, {"", "x"}}); !reflect.DeepEqual(params, want) {
		t.Fatalf("got %v", params)
	}
	if got := params.Get("A"); got != "2" {
		t.Errorf("of two values the first wins: %q", got)
	}
	if value, ok := params.Lookup("B"); value != "" || !ok {
		t.Errorf("B is %q, %v", value, ok)
	}
	if value, ok := params.Lookup("C"); value != "" || ok {
		t.Errorf("C is %q, %v", value, ok)
	}
	params.Set("A", "3")
	params.Set("C", "4")
	if want := (Params{{"B", ""}, {"", "x"}, {"A", "3"}, {"C", "4"}}); !reflect.DeepEqual(params, want) {
		t.Errorf("after Set %v", params)
	}
}

func TestParamsDoNotAliasTheInput(t *testing.T) {
	content := Params{{"NAME", "value"}}.Append(nil)
	params, err := ParseParams(content)
	if err != nil {
		t.Fatal(err)
	}
	clear(content)
	if params.Get("NAME") != "value" {
		t.Errorf("got %v", params)
	}
}

func TestParseParamsLies(t *testing.T) {
	content := append(Params{{"NAME", "value"}}.Append(nil), "\x05\x00abc"...)
	params, err := ParseParams(content)
	if _, ok := errors.AsType[*ProtocolError](err); !ok || params != nil {
		t.Errorf("got %v, %v", params, err)
	}
}

func TestParseParamsAllocations(t *testing.T) {
	content := bytes.Repeat(AppendPair(nil, "SCRIPT_FILENAME", "/srv/www/index.php"), 40)
	allocs := testing.AllocsPerRun(100, func() {
		if _, err := ParseParams(content); err != nil {
			t.Fatal(err)
		}
	})
	if allocs > 2 {
		t.Errorf("%v allocations for 40 parameters", allocs)
	}
}
