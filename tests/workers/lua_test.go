//go:build integration

package workers

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/anyfpm/anyfpm/tests/harness"
)

// A worker of the operator's own runs scripts of a language that anyfpm knows
// nothing of, as docs/worker-protocol.md says.
func TestOwnWorker(t *testing.T) {
	t.Parallel()
	box := harness.NewSandbox(t, harness.Current())
	dir := filepath.Join(harness.Root(t), "examples", "worker-lua")
	for _, name := range []string{"run", "worker.lua", "hello.lua"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		box.Script(name, string(text))
	}
	d := suite.Start(t, static(1)+persistent+"runner.command = "+box.WWW+"/run\nrequest_body.spool = 1M\n")
	params := map[string]string{"SCRIPT_FILENAME": box.WWW + "/hello.lua"}
	for range 3 {
		res := d.Do(harness.Request{Path: "/hello.lua", Params: params})
		if res.Status != 200 || !strings.Contains(res.Body, "run 1 of this script's globals") {
			t.Errorf("got %d %q, stderr %q", res.Status, res.Body, res.Stderr)
		}
	}
	d.File("echo.lua", `local body = io.read("a") print("Content-Type: text/plain\n") io.write(#body, body:sub(1, 3))`)
	if res := d.Do(harness.Request{Path: "/echo.lua", Body: []byte(strings.Repeat("abc", 100000))}); res.Body != "300000abc" {
		t.Errorf("got %d %q, stderr %q", res.Status, res.Body, res.Stderr)
	}
	long := []byte(strings.Repeat("abc", 100000))
	if res := d.Do(harness.Request{Path: "/echo.lua", Body: append(long, make([]byte, 1<<20)...)}); res.Status != 413 {
		t.Errorf("beyond request_body.spool: got %d %q, stderr %q", res.Status, res.Body, res.Stderr)
	}
	d.File("fail.lua", `error("it broke")`)
	if res := d.Get("/fail.lua"); res.Status != 500 || !strings.Contains(string(res.Stderr), "fail.lua:1: it broke") {
		t.Errorf("got %d %q, stderr %q", res.Status, res.Body, res.Stderr)
	}
	d.Log.Expect(`child \d+ said into stderr: ".*fail.lua:1: it broke"`)
}
