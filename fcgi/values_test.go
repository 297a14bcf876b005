package fcgi

import (
	"errors"
	"strings"
	"testing"
)

func TestAppendGetValuesResult(t *testing.T) {
	everything := Values{MaxConns: 100, MaxReqs: 2000, MpxsConns: true}
	for _, c := range []struct {
		name   string
		query  []string
		values Values
		want   string // names and values in turn
	}{
		{"all", []string{MaxConnsName, MaxReqsName, MpxsConnsName}, everything, "FCGI_MAX_CONNS 100 FCGI_MAX_REQS 2000 FCGI_MPXS_CONNS 1"},
		{"only what is asked", []string{MaxReqsName}, everything, "FCGI_MAX_REQS 2000"},
		{"unknown names are left out", []string{"FCGI_PONY", MpxsConnsName}, everything, "FCGI_MPXS_CONNS 1"},
		{"asked twice", []string{MpxsConnsName, MpxsConnsName}, everything, "FCGI_MPXS_CONNS 1"},
		{"as php-fpm", []string{MaxConnsName, MaxReqsName, MpxsConnsName}, Values{}, "FCGI_MPXS_CONNS 0"},
		{"nothing", nil, everything, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var query []byte
			for _, name := range c.query {
				query = AppendPair(query, name, "")
			}
			p, err := AppendGetValuesResult(nil, query, c.values)
			if err != nil {
				t.Fatal(err)
			}
			records, _, err := decodeAll(p, whole)
			if err != nil || len(records) != 1 || records[0].Type != TypeGetValuesResult || records[0].RequestID != 0 {
				t.Fatalf("records %v, error %v", records, err)
			}
			pairs, err := splitPairs(records[0].data)
			if got := strings.Join(pairs, " "); got != c.want || err != nil {
				t.Errorf("got %q, want %q, error %v", got, c.want, err)
			}
		})
	}
}

func TestAppendGetValuesResultOfALie(t *testing.T) {
	p, err := AppendGetValuesResult([]byte("before"), []byte("\x0f\x00FCGI"), Values{MpxsConns: true})
	var protocol *ProtocolError
	if !errors.As(err, &protocol) || string(p) != "before" {
		t.Errorf("got %q, %v", p, err)
	}
}

func TestParseValues(t *testing.T) {
	p := AppendPair(nil, MaxConnsName, "100")
	p = AppendPair(p, "FCGI_PONY", "yes")
	p = AppendPair(p, MaxReqsName, "many")
	p = AppendPair(p, MpxsConnsName, "1")
	got, err := ParseValues(p)
	if want := (Values{MaxConns: 100, MpxsConns: true}); got != want || err != nil {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := ParseValues(p[:len(p)-1]); err == nil {
		t.Error("a cut answer is taken")
	}
}
