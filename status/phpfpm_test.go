package status

import (
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/anyfpm/anyfpm/internal/fpmtest"
)

// TestLikePHPFPM fetches every page from a real php-fpm, reads the values out
// of it, and wants the same bytes when we write a page of these values.
func TestLikePHPFPM(t *testing.T) {
	fpm := fpmtest.Start(t, "pm = static", "pm.max_children = 2", "pm.status_path = /status", "ping.path = /ping", `ping.response = "pong!"`)
	script := filepath.Join(fpm.Dir, "a b.php")
	if err := os.WriteFile(script, []byte("<?php for ($i = 0; $i < 1e6; $i++); echo str_repeat('x', 10);"), 0o644); err != nil {
		t.Fatal(err)
	}
	user := "Basic " + base64.StdEncoding.EncodeToString([]byte("user:password"))
	fpm.Do(t, fpmtest.Params("REQUEST_METHOD", "POST", "SCRIPT_FILENAME", script, "SCRIPT_NAME", "/a b.php", "CONTENT_LENGTH", "0",
		"QUERY_STRING", "q=/\"<'>&amp;é€😀\\", "HTTP_AUTHORIZATION", user))
	for _, format := range formatNames {
		for _, more := range []string{"", "&full", "&full&q=/\"<'>&amp;é€😀\\\t", "&full&" + strings.Repeat("long", 200)} {
			query := format + more
			t.Run(query[:min(len(query), 40)], func(t *testing.T) {
				whole, stderr := fpm.Do(t, fpmtest.Params("REQUEST_METHOD", "GET", "SCRIPT_FILENAME", "/status", "SCRIPT_NAME", "/status", "QUERY_STRING", query))
				header, body, ok := strings.Cut(whole, "\r\n\r\n")
				if !ok || stderr != "" {
					t.Fatalf("php-fpm answers %q and %q", whole, stderr)
				}
				page := Select(query)
				powered := poweredBy(header)
				if got := string(page.AppendHeader(nil, false, powered)); got != header+"\r\n\r\n" {
					t.Errorf("header %q, php-fpm's is %q", got, header)
				}
				s, now := parsePage(t, page.Format, body)
				if got := string(page.Append(nil, s, now)); got != body {
					t.Errorf("page\n%s\nphp-fpm's is\n%s", got, body)
				}
			})
		}
	}
	for _, method := range []string{"GET", "HEAD"} {
		whole, _ := fpm.Do(t, fpmtest.Params("REQUEST_METHOD", method, "SCRIPT_FILENAME", "/ping", "SCRIPT_NAME", "/ping"))
		if got := string(AppendPing(nil, "pong!", method == "HEAD", poweredBy(whole))); got != whole {
			t.Errorf("%s ping is %q, php-fpm's %q", method, got, whole)
		}
	}
	whole, _ := fpm.Do(t, fpmtest.Params("REQUEST_METHOD", "HEAD", "SCRIPT_FILENAME", "/status", "SCRIPT_NAME", "/status", "QUERY_STRING", "json"))
	if got := string(Select("json").AppendHeader(nil, true, poweredBy(whole))); got != whole {
		t.Errorf("HEAD status is %q, php-fpm's %q", got, whole)
	}
}

// TestSelectLikePHPFPM compares the choice of a format where 8.2 and 8.4 agree.
func TestSelectLikePHPFPM(t *testing.T) {
	fpm := fpmtest.Start(t, "pm = static", "pm.max_children = 1", "pm.status_path = /status")
	for _, query := range []string{
		"", "json", "xml", "html", "openmetrics", "json&xml", "openmetrics&json", "a=json", "JSON", "js%6fn", "json=0", "a=1;json", "q=1&json=x",
	} {
		whole, _ := fpm.Do(t, fpmtest.Params("REQUEST_METHOD", "GET", "SCRIPT_FILENAME", "/status", "SCRIPT_NAME", "/status", "QUERY_STRING", query))
		header, _, _ := strings.Cut(whole, "\r\n\r\n")
		if got := string(Select(query).AppendHeader(nil, false, poweredBy(header))); got != header+"\r\n\r\n" {
			t.Errorf("?%s: %q, php-fpm's is %q", query, got, header)
		}
	}
}

func poweredBy(header string) string {
	_, rest, _ := strings.Cut(header, "X-Powered-By: ")
	value, _, _ := strings.Cut(rest, "\r\n")
	return value
}

// values are the entries of a page by name.
type values map[string]string

// parsePage reads a page back into a snapshot and the time it was made.
func parsePage(t *testing.T, format Format, body string) (*Snapshot, time.Time) {
	t.Helper()
	var pool values
	var processes []values
	switch format {
	case JSON:
		pool, processes = parseJSON(t, body)
	case XML:
		pool, processes = parseXML(t, body)
	case HTML:
		pool, processes = parseHTML(t, body)
	case OpenMetrics:
		pool = parseOpenMetrics(body)
	default:
		pool, processes = parseText(body)
	}
	started := pool.time(t, "start time")
	s := &Snapshot{
		Pool: pool["pool"], ProcessManager: pool["process manager"], StartTime: started,
		AcceptedConn: uint64(pool.int(t, "accepted conn")), ListenQueue: pool.int(t, "listen queue"),
		MaxListenQueue: pool.int(t, "max listen queue"), ListenQueueLen: pool.int(t, "listen queue len"),
		IdleProcesses: pool.int(t, "idle processes"), ActiveProcesses: pool.int(t, "active processes"),
		TotalProcesses: pool.int(t, "total processes"), MaxActiveProcesses: pool.int(t, "max active processes"),
		MaxChildrenReached: uint64(pool.int(t, "max children reached")), SlowRequests: uint64(pool.int(t, "slow requests")),
	}
	for _, v := range processes {
		cpu, err := strconv.ParseFloat(v["last request cpu"], 64)
		if err != nil {
			t.Fatal(err)
		}
		path, query, _ := strings.Cut(v["request uri"], "?")
		s.Processes = append(s.Processes, Process{
			PID: v.int(t, "pid"), State: State(v["state"]), StartTime: v.time(t, "start time"), Requests: uint64(v.int(t, "requests")),
			RequestDuration: time.Duration(v.int(t, "request duration")) * time.Microsecond, RequestMethod: v["request method"],
			RequestURI: path, QueryString: query, ContentLength: uint64(v.int(t, "content length")), User: v["user"], Script: v["script"],
			LastRequestCPU: cpu, LastRequestMemory: uint64(v.int(t, "last request memory")),
		})
	}
	return s, started.Add(time.Duration(pool.int(t, "start since")) * time.Second)
}

func (v values) int(t *testing.T, name string) int {
	t.Helper()
	n, err := strconv.Atoi(v[name])
	if err != nil {
		t.Fatalf("%s: %v in %q", name, err, v)
	}
	return n
}

func (v values) time(t *testing.T, name string) time.Time {
	t.Helper()
	if seconds, err := strconv.ParseInt(v[name], 10, 64); err == nil {
		return time.Unix(seconds, 0).UTC()
	}
	parsed, err := time.Parse(dateLayout, v[name])
	if err != nil {
		t.Fatal(err)
	}
	return parsed.UTC()
}

func parseText(body string) (values, []values) {
	var all []values
	for section := range strings.SplitSeq(body, "\n************************\n") {
		v := values{}
		for line := range strings.SplitSeq(section, "\n") {
			if name, value, ok := strings.Cut(line, ":"); ok {
				v[strings.ToLower(name)] = strings.TrimLeft(value, " ")
			}
		}
		all = append(all, v)
	}
	return all[0], all[1:]
}

func parseJSON(t *testing.T, body string) (values, []values) {
	t.Helper()
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(body), &members); err != nil {
		t.Fatal(err)
	}
	var list []map[string]json.RawMessage
	if raw, ok := members["processes"]; ok {
		if err := json.Unmarshal(raw, &list); err != nil {
			t.Fatal(err)
		}
		delete(members, "processes")
	}
	var processes []values
	for _, m := range list {
		processes = append(processes, plainMembers(t, m))
	}
	return plainMembers(t, members), processes
}

func plainMembers(t *testing.T, members map[string]json.RawMessage) values {
	t.Helper()
	v := values{}
	for name, raw := range members {
		text := string(raw)
		if raw[0] == '"' {
			if err := json.Unmarshal(raw, &text); err != nil {
				t.Fatal(err)
			}
		}
		v[name] = text
	}
	return v
}

func parseXML(t *testing.T, body string) (values, []values) {
	t.Helper()
	pool, current := values{}, values(nil)
	var processes []values
	var name, text string
	for token := range tokens(t, body) {
		switch token := token.(type) {
		case xml.StartElement:
			name, text = strings.ReplaceAll(token.Name.Local, "-", " "), ""
			if name == "process" {
				current = values{}
			}
		case xml.CharData:
			text += string(token)
		case xml.EndElement:
			switch {
			case token.Name.Local == "process":
				processes = append(processes, current)
				current = nil
			case current != nil:
				current[name] = text
			case token.Name.Local != "processes" && token.Name.Local != "status":
				pool[name] = text
			}
		}
	}
	return pool, processes
}

func parseHTML(t *testing.T, body string) (values, []values) {
	t.Helper()
	var rows [][]string
	var text string
	for token := range tokens(t, body) {
		switch token := token.(type) {
		case xml.StartElement:
			text = ""
			if token.Name.Local == "tr" {
				rows = append(rows, nil)
			}
		case xml.CharData:
			text += string(token)
		case xml.EndElement:
			if name := token.Name.Local; name == "td" || name == "th" {
				rows[len(rows)-1] = append(rows[len(rows)-1], text)
			}
		}
	}
	pool := values{}
	for len(rows) > 0 && len(rows[0]) == 2 {
		pool[rows[0][0]] = rows[0][1]
		rows = rows[1:]
	}
	var processes []values
	for i := 1; i < len(rows); i++ {
		v := values{}
		for column, name := range rows[0] {
			v[name] = rows[i][column]
		}
		processes = append(processes, v)
	}
	return pool, processes
}

func tokens(t *testing.T, body string) func(yield func(xml.Token) bool) {
	return func(yield func(xml.Token) bool) {
		decoder := xml.NewDecoder(strings.NewReader(body))
		for {
			token, err := decoder.Token()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !yield(token) {
				return
			}
		}
	}
}

func parseOpenMetrics(body string) values {
	v := values{"start time": "1000000000"}
	for line := range strings.SplitSeq(body, "\n") {
		if rest, ok := strings.CutPrefix(line, "# HELP phpfpm_up Could pool "); ok {
			words := strings.Fields(rest)
			v["pool"], v["process manager"] = words[0], words[3]
		}
		if name, value, ok := strings.Cut(strings.TrimPrefix(line, "phpfpm_"), " "); ok && strings.HasPrefix(line, "phpfpm_") {
			v[strings.ReplaceAll(name, "_", " ")] = value
		}
	}
	maps.Copy(v, values{"accepted conn": v["accepted connections"], "listen queue len": v["listen queue length"]})
	return v
}
