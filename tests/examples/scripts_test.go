//go:build integration

package examples

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"strings"
	"testing"

	"github.com/anyfpm/anyfpm/tests/harness"
)

func TestPHP(t *testing.T) {
	everybody(t, "php", nil, func(t *testing.T, web harness.Browser) {
		expect(t, web.Fetch(t, "GET", "/", "", nil), 200, "<h1>Lost and found</h1>", "up to 2M", `type="file"`)

		photo := strings.Repeat("photo", 20000)
		body, header := upload(t, map[string]string{"owner": "Ada <ada>"}, photo)
		expect(t, web.Fetch(t, "POST", "/index.php", body, header), 200,
			"Ada &lt;ada&gt;", fmt.Sprintf("100000 bytes, sha256 %x", sha256.Sum256([]byte(photo))), "CE")

		body, header = upload(t, map[string]string{"owner": "Ada"}, strings.Repeat("x", 2<<20+1))
		expect(t, web.Fetch(t, "POST", "/index.php", body, header), 413, "a photo beyond 2M")
		expect(t, web.Fetch(t, "POST", "/index.php", "owner=Ada", form), 200, "Ada: no photo")
		expect(t, web.Fetch(t, "GET", "/absent.php", "", nil), 404, "File not found.")
	})
}

// upload makes the body of a form with a file.
func upload(t *testing.T, fields map[string]string, photo string) (body string, header map[string]string) {
	t.Helper()
	var text bytes.Buffer
	w := multipart.NewWriter(&text)
	for name, value := range fields {
		if err := w.WriteField(name, value); err != nil {
			t.Fatal(err)
		}
	}
	file, err := w.CreateFormFile("photo", "cat.jpg")
	if err != nil {
		t.Fatal(err)
	}
	if _, err = file.Write([]byte(photo)); err != nil {
		t.Fatal(err)
	}
	if err = w.Close(); err != nil {
		t.Fatal(err)
	}
	return text.String(), map[string]string{"Content-Type": w.FormDataContentType()}
}

func TestPython(t *testing.T) {
	everybody(t, "python", nil, func(t *testing.T, web harness.Browser) {
		expectKept(t, web, "/month.py?2026-02", "February 2026")
		expect(t, web.Fetch(t, "GET", "/month.py?2026-13", "", nil), 400, "not a month: 2026-13")
		expectKept(t, web, "/month.py?2000-12", "December 2000")

		got := expectForked(t, web, "/report.py", "1\n2\n6\n")
		if got["count"] != 3.0 || got["mean"] != 3.0 || got["median"] != 2.0 {
			t.Errorf("got %v", got)
		}
		expect(t, web.Fetch(t, "POST", "/report.py", "one\n", nil), 422, "could not convert")
	})
}

func TestPerl(t *testing.T) {
	everybody(t, "perl", nil, func(t *testing.T, web harness.Browser) {
		expectKept(t, web, "/words.pl", "<textarea")
		const text = "text=to+be+or+not+to+b%C3%A9"
		expect(t, web.Fetch(t, "POST", "/words.pl", text, form), 200, "<tr><td>to<td>2\n<tr><td>be<td>1\n", "<td>bé<td>1")
		if got := web.Fetch(t, "POST", "/words.pl", "text=new", form); strings.Contains(got.Body, "<td>to") {
			t.Errorf("the words of an earlier request are in %v", got)
		}

		body := strings.Repeat("sum", 50000)
		for range 3 {
			got := expectForked(t, web, "/sums.pl", body)
			if want := fmt.Sprintf("%x", sha256.Sum256([]byte(body))); got["sha256"] != want || got["bytes"] != 150000.0 {
				t.Errorf("got %v, want the sum %s of 150000 bytes", got, want)
			}
		}
	})
}

func TestRuby(t *testing.T) {
	everybody(t, "ruby", nil, func(t *testing.T, web harness.Browser) {
		expectKept(t, web, "/invitation.rb", `type="date"`)
		expect(t, web.Fetch(t, "POST", "/invitation.rb", "guest=%3CAda%3E&day=2026-12-10", form), 200,
			"Dear &lt;Ada&gt;, come on Thursday, 10 December 2026.")
		expect(t, web.Fetch(t, "POST", "/invitation.rb", "day=tomorrow", form), 400, "not a day: tomorrow")

		got := expectForked(t, web, "/totals.rb", "item,price,count\ntea,2.50,2\ncake,4,1\n")
		if want := map[string]any{"price": 6.5, "count": 3.0}; fmt.Sprint(got["totals"]) != fmt.Sprint(want) {
			t.Errorf("got %v, want %v", got["totals"], want)
		}
	})
}

// expectKept asks for a page of a persistent pool of two workers three times:
// at least one of them must serve twice.
func expectKept(t *testing.T, web harness.Browser, path, text string) {
	t.Helper()
	processes := make(map[string]bool)
	for range 3 {
		got := web.Fetch(t, "GET", path, "", nil)
		expect(t, got, 200, text)
		processes[got.Header.Get("X-Process")] = true
	}
	if len(processes) > 2 || processes[""] {
		t.Errorf("%s ran in the processes %v of two workers", path, processes)
	}
}

// expectForked posts a body to a script of a forking pool twice, and returns
// its last answer; it must be from another process than the first.
func expectForked(t *testing.T, web harness.Browser, path, body string) map[string]any {
	t.Helper()
	var answers [2]map[string]any
	for i := range answers {
		got := web.Fetch(t, "POST", path, body, nil)
		if err := json.Unmarshal([]byte(got.Body), &answers[i]); err != nil || got.Status != 200 {
			t.Fatalf("got %v: %v", got, err)
		}
	}
	if answers[0]["process"] == answers[1]["process"] {
		t.Errorf("%s ran twice in process %v", path, answers[0]["process"])
	}
	return answers[1]
}
