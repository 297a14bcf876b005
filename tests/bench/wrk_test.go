package main

import (
	"testing"
	"time"
)

// What wrk 4.1 prints is read, faults included.
func TestParseWrk(t *testing.T) {
	t.Parallel()
	const out = `Running 1s test @ http://127.0.0.1:8080/
  1 threads and 16 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   593.01us  401.88us   9.57ms   93.93%
    Req/Sec    27.93k     1.92k   30.75k    70.00%
  Latency Distribution
     50%  530.00us
     75%  636.00us
     90%    0.85ms
     99%    2.14ms
  27812 requests in 1.00s, 4.46MB read
  Socket errors: connect 0, read 3, write 0, timeout 0
Requests/sec:  27794.59
Transfer/sec:      4.45MB
`
	got, err := parseWrk(out)
	want := load{rate: 27794.59, tail: 2140 * time.Microsecond, requests: 27812, failed: "Socket errors: connect 0, read 3, write 0, timeout 0"}
	if err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	if _, err := parseWrk("unable to connect"); err == nil {
		t.Errorf("no error for what wrk says when it fails")
	}
}

// The rows to run are chosen by how their names begin.
func TestRows(t *testing.T) {
	t.Parallel()
	o, err := parse([]string{"-rows", "cgi, php keepalive"})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"cgi sh": true, "php keepalive": true, "php": false, "fastcgi": false} {
		if got := o.rows.MatchString(name); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

// The median of an even number is the mean of the middle two.
func TestMedian(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in   []float64
		want float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1, 5}, 5}, {[]float64{4, 1, 3, 2}, 2.5}} {
		if got := median(c.in); got != c.want {
			t.Errorf("median of %v is %v, want %v", c.in, got, c.want)
		}
	}
}
