package status

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var formatNames = [...]string{"text", "html", "xml", "json", "openmetrics"}

// now and start are the times of all examples.
var (
	zone  = time.FixedZone("", 2*60*60)
	start = time.Date(2026, 11, 20, 15, 35, 3, 0, time.UTC)
	now   = start.Add(90*time.Second + 900*time.Millisecond).In(zone)
)

// example is a pool with all there is to show, and text that wants escaping.
func example() *Snapshot {
	s := &Snapshot{
		Pool: "www", ProcessManager: "dynamic", StartTime: start,
		AcceptedConn: 70123, ListenQueue: 3, MaxListenQueue: 17, ListenQueueLen: 511,
		IdleProcesses: 1, ActiveProcesses: 2, TotalProcesses: 3, MaxActiveProcesses: 5,
		MaxChildrenReached: 1, SlowRequests: 4, MemoryPeak: 2097152,
		Processes: []Process{
			{
				PID: 10178, State: Idle, StartTime: start, Requests: 70000, RequestDuration: 311 * time.Microsecond,
				RequestMethod: "GET", RequestURI: "/app/a b.php", QueryString: `q="<é>&amp;'\/€😀`, User: "me", Script: "/srv/app/a b.php",
				LastRequestCPU: 12.345, LastRequestMemory: 2097152,
				Slot: 0, RequestID: "f00d", QueueTime: 1500 * time.Microsecond, PSS: 12 << 20,
			},
			{
				PID: 10179, State: Running, StartTime: start.Add(time.Minute), Requests: 1, RequestDuration: 2500 * time.Millisecond,
				RequestMethod: "P<\"O&T\n", RequestURI: "/bad", QueryString: "a\nslow requests: 7\x00\x01\x7f\xff\xc3(\ufffe",
				ContentLength: 77, User: "\xff</td>", Script: "/srv/\"b\\ad", LastRequestCPU: 50, LastRequestMemory: 1,
				Slot: 1, RequestID: "cafe",
			},
			{PID: 10180, State: Creating, StartTime: now, Slot: 4},
		},
		Runner: "php", Generation: 2, FailureReason: "cannot start php-cgi: no such file",
		Limits: Limits{MaxChildren: 5, StartServers: 2, MinSpareServers: 1, MaxSpareServers: 3, Queue: 511},
		Queue:  2, QueueOldest: 1250 * time.Millisecond, StartingProcesses: 1, StoppingProcesses: 0, Connections: 12,
		Retries: 6, Spawns: 9, OOMKills: 1, PSS: 30 << 20, LogDrops: map[string]uint64{"access": 5, "slow": 2},
	}
	s.Outcomes[Completed], s.Outcomes[QueueFull] = 70100, 23
	for range 99 {
		s.QueueTime.Observe(2 * time.Millisecond)
		s.RequestTime.Observe(20 * time.Millisecond)
	}
	s.RequestTime.Observe(time.Second)
	return s
}

func TestGolden(t *testing.T) {
	for _, format := range []Format{Text, HTML, XML, JSON, OpenMetrics} {
		for _, variant := range []struct {
			name      string
			full, own bool
		}{{"short", false, false}, {"full", true, false}, {"own", false, true}, {"full-own", true, true}} {
			name := formatNames[format] + "-" + variant.name
			t.Run(name, func(t *testing.T) {
				page := Page{Format: format, Full: variant.full, Own: variant.own}
				got := page.AppendHeader(nil, false, "")
				got = page.Append(got, example(), now)
				golden(t, name, got)
			})
		}
	}
}

func TestGoldenAnswers(t *testing.T) {
	golden(t, "head", Page{Format: JSON}.AppendHeader(nil, true, "PHP/8.2.35"))
	golden(t, "ping", AppendPing(nil, "pong", false, ""))
	golden(t, "ping-head", AppendPing(nil, "pong", true, "PHP/8.2.35"))
}

// golden compares got with a file, whole.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestSelect(t *testing.T) {
	tests := map[string]Page{
		"":                         {},
		"json":                     {Format: JSON},
		"json&full":                {Format: JSON, Full: true},
		"full=0&json=no":           {Format: JSON, Full: true},
		"openmetrics&json&xml":     {Format: XML},
		"openmetrics&json&html":    {Format: HTML},
		"openmetrics":              {Format: OpenMetrics},
		"j":                        {},
		"x=1":                      {},
		"JSON":                     {},
		"xjson":                    {},
		"a=json":                   {},
		"js%6fn":                   {Format: JSON},
		"%zz&xml":                  {Format: XML},
		"a=1;json":                 {},
		"anyfpm&full":              {Full: true, Own: true},
		"&&json&&":                 {Format: JSON},
		"unknown&text&openmetrics": {Format: OpenMetrics},
	}
	for query, want := range tests {
		if got := Select(query); got != want {
			t.Errorf("?%s: got %+v, want %+v", query, got, want)
		}
	}
}

// TestHostileStrings puts every byte and some worse into each string of a
// snapshot; every page must stay whole for its parser.
func TestHostileStrings(t *testing.T) {
	var all []byte
	for c := range 256 {
		all = append(all, byte(c))
	}
	hostile := []string{string(all), "</td><script>", "]]>", "\xed\xa0\x80\xf4\x90\x80\x80", "\u2028\ufffe\uffff", "a\n\nslow requests: 1\n"}
	for _, text := range hostile {
		s := &Snapshot{
			Pool: text, ProcessManager: "static", StartTime: start, FailureReason: text,
			Processes: []Process{{
				State: Idle, RequestMethod: text, RequestURI: text, QueryString: text, User: text, Script: text, RequestID: text,
			}},
		}
		for _, format := range []Format{Text, HTML, XML, JSON, OpenMetrics} {
			body := Page{Format: format, Full: true, Own: true}.Append(nil, s, now)
			if !utf8.Valid(body) {
				t.Errorf("%s of %q is no UTF-8", formatNames[format], text)
			}
			if err := wellFormed(format, body); err != nil {
				t.Errorf("%s of %q: %v", formatNames[format], text, err)
			}
		}
	}
}

// wellFormed parses a full page with our fields of a pool with one worker.
func wellFormed(format Format, body []byte) error {
	switch format {
	case JSON:
		return json.Unmarshal(body, new(map[string]any))
	case HTML, XML:
		decoder := xml.NewDecoder(bytes.NewReader(body))
		for {
			if _, err := decoder.Token(); errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return err
			}
		}
	case Text:
		fields := len(poolFields(&Snapshot{}, now)) + len(ownPoolFields(&Snapshot{})) + len(processFields(&Process{}, now)) + len(ownProcessFields(&Process{}))
		if lines := strings.Count(string(body), "\n"); lines != fields+2 {
			return errors.New("lines have been added")
		}
	case OpenMetrics:
		if lines := strings.Count(string(body), "\n"); lines != 3*13+1 {
			return errors.New("lines have been added")
		}
	}
	return nil
}

// TestOwnKeysHideNone holds our fields to the rule that lets old parsers of
// the text page work: no key of ours is, or begins with, one of php-fpm's and
// a colon.
func TestOwnKeysHideNone(t *testing.T) {
	theirs := append(poolFields(&Snapshot{}, now), processFields(&Process{}, now)...)
	for _, ours := range append(ownPoolFields(&Snapshot{}), ownProcessFields(&Process{})...) {
		for _, f := range theirs {
			if strings.HasPrefix(ours.name+":", f.name+":") {
				t.Errorf("the key %q hides php-fpm's %q", ours.name, f.name)
			}
		}
	}
}

// TestExporterJSON decodes ?json&full into the types of hipages'
// php-fpm_exporter.
func TestExporterJSON(t *testing.T) {
	var pool struct {
		Name               string `json:"pool"`
		ProcessManager     string `json:"process manager"`
		StartTime          int64  `json:"start time"`
		StartSince         int64  `json:"start since"`
		AcceptedConn       int64  `json:"accepted conn"`
		ListenQueue        int64  `json:"listen queue"`
		MaxListenQueue     int64  `json:"max listen queue"`
		ListenQueueLen     int64  `json:"listen queue len"`
		IdleProcesses      int64  `json:"idle processes"`
		ActiveProcesses    int64  `json:"active processes"`
		TotalProcesses     int64  `json:"total processes"`
		MaxActiveProcesses int64  `json:"max active processes"`
		MaxChildrenReached int64  `json:"max children reached"`
		SlowRequests       int64  `json:"slow requests"`
		Processes          []struct {
			PID               int64   `json:"pid"`
			State             string  `json:"state"`
			StartTime         int64   `json:"start time"`
			StartSince        int64   `json:"start since"`
			Requests          int64   `json:"requests"`
			RequestDuration   int64   `json:"request duration"`
			RequestMethod     string  `json:"request method"`
			RequestURI        string  `json:"request uri"`
			ContentLength     int64   `json:"content length"`
			User              string  `json:"user"`
			Script            string  `json:"script"`
			LastRequestCPU    float64 `json:"last request cpu"`
			LastRequestMemory int     `json:"last request memory"`
		} `json:"processes"`
	}
	for _, query := range []string{"json&full", "json&full&anyfpm"} {
		decoder := json.NewDecoder(bytes.NewReader(Select(query).Append(nil, example(), now)))
		if query == "json&full" {
			decoder.DisallowUnknownFields()
		}
		if err := decoder.Decode(&pool); err != nil {
			t.Fatal(err)
		}
		if pool.AcceptedConn != 70123 || pool.StartSince != 90 || len(pool.Processes) != 3 {
			t.Errorf("got %+v", pool)
		}
		if p := pool.Processes[0]; p.RequestURI != `/app/a b.php?q="<é>&amp;'\/€😀` || p.RequestDuration != 311 || p.LastRequestCPU != 12.35 {
			t.Errorf("got %+v", p)
		}
	}
}
