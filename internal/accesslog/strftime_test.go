package accesslog

import (
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestStrftime compares every conversion with date(1), which uses strftime(3),
// on days around new year, leap days and changes of the clock.
func TestStrftime(t *testing.T) {
	const letters = "aAbBcCdDeFgGhHIjklmMpPrRsSTuUVwWxXyYzZ%"
	var format strings.Builder
	for _, letter := range letters {
		format.WriteString(string(letter) + "=%" + string(letter) + "|")
	}
	format.WriteString("Ey=%Ey|Od=%Od|text|")
	for _, zone := range []string{"UTC", "Europe/Berlin", "America/St_Johns"} {
		location, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		var seconds []int64
		for year := 2019; year < 2030; year++ {
			for _, day := range []time.Time{
				time.Date(year, 1, 1, 0, 0, 0, 0, location), time.Date(year, 1, 3, 12, 30, 59, 0, location),
				time.Date(year, 2, 28, 23, 59, 59, 0, location).Add(time.Second), time.Date(year, 10, 30, 1, 0, 0, 0, location),
				time.Date(year, 12, 29, 13, 5, 6, 0, location), time.Date(year, 12, 31, 11, 59, 59, 0, location),
			} {
				seconds = append(seconds, day.Unix())
			}
		}
		want := date(t, zone, format.String(), seconds)
		for i, s := range seconds {
			if got := string(appendTime(nil, time.Unix(s, 0).In(location), format.String())); got != want[i] {
				t.Errorf("%d in %s\ngot  %s\nwant %s", s, zone, got, want[i])
			}
		}
	}
}

// date formats times with date(1).
func date(t *testing.T, zone, format string, seconds []int64) []string {
	t.Helper()
	var in strings.Builder
	for _, s := range seconds {
		in.WriteString("@" + strconv.FormatInt(s, 10) + "\n")
	}
	cmd := exec.Command("date", "-f", "-", "+"+format)
	cmd.Env = []string{"LC_ALL=C", "TZ=" + zone}
	cmd.Stdin = strings.NewReader(in.String())
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
}

func TestStrftimeOddities(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for format, want := range map[string]string{
		"": "", "%": "%", "a%": "a%", "%Q": "%Q", "%E": "%E", "%EQ": "%EQ", "%n%t": "\\x0A\t", "é%dé": "é02é",
	} {
		if got := string(appendTime(nil, at, format)); got != want {
			t.Errorf("%q: %q, want %q", format, got, want)
		}
	}
}
