package resident_test

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/anyfpm/anyfpm/internal/resident"
)

// TestLuaExample runs the worker of examples/worker-lua.
func TestLuaExample(t *testing.T) {
	if _, err := exec.LookPath("lua5.4"); err != nil {
		t.Fatalf("%v: apt-get install lua5.4", err)
	}
	w := launchCommand(t, nil, resident.Start{Pool: "test"}, "../../examples/worker-lua/run")
	w.awaitHello()
	if w.hello.Runtime != "lua" || w.hello.InterpreterVersion != "5.4" || w.hello.Inline != resident.InlineAll {
		t.Errorf("%+v", w.hello)
	}
	for _, tt := range []struct {
		name, script, stdout, stderr string
		body                         string
		status                       int
		failed                       bool
	}{
		{name: "hello", script: "", stdout: "Content-Type: text/plain\n\nhello, 127.0.0.1\nrun 1 of this script's globals\n"},
		{name: "arguments", script: `print(arg[0] ~= nil, arg[1], ...)`, stdout: "true\tone\tone\ttwo words\n"},
		{name: "body", script: `io.write(io.read("l"), "|", io.read("a"), "|", tostring(io.read("l")))`, body: "a\nb\nc", stdout: "a|b\nc|nil"},
		{name: "long body", script: `print(#io.read("a"))`, body: strings.Repeat("x", 1<<20), stdout: "1048576\n"},
		{name: "files", script: `io.stdout:write(io.stdin:read("l"), "|"):write(1):flush() io.write("|"):write(io.read("a"))`, body: "a\nb", stdout: "a|1|b"},
		{name: "exit word", script: `print("x") os.exit("word")`, stdout: "x\n"},
		{name: "exit", script: `print("x") os.exit(3) print("y")`, stdout: "x\n", status: 3},
		{name: "error", script: `print("x") error("it broke")`, stdout: "x\n", stderr: "script.lua:1: it broke\n", status: 1, failed: true},
		{name: "syntax error", script: `print(`, stderr: "script.lua:1: unexpected symbol", status: 1, failed: true},
		{name: "recursion", script: `function f() return 1 + f() end f()`, stderr: "stack overflow", status: 1, failed: true},
		{name: "child", script: `os.execute("echo child; cat") print("parent")`, stdout: "child\nparent\n"},
		{name: "binary", script: `for i = 0, 255 do io.write(string.char(i)) end`, stdout: allBytes},
		{name: "large output", script: `for i = 1, 200000 do io.write("0123456789\n") end`, stdout: strings.Repeat("0123456789\n", 200000)},
	} {
		for run := range 2 {
			path := "../../examples/worker-lua/hello.lua"
			if tt.script != "" {
				path = writeScript(t, "script.lua", tt.script)
			}
			r := w.do(request{script: path, args: []string{"one", "two words"}, variables: []string{"REMOTE_ADDR=127.0.0.1"}, body: tt.body})
			if r.stdout() != tt.stdout || !strings.Contains(r.stderr, tt.stderr) || r.status != tt.status || r.flags&resident.Failed != 0 != tt.failed {
				t.Errorf("%s", fmt.Sprintf("%s, run %d: %.300q %q status %d flags %d", tt.name, run+1, r.stdout(), r.stderr, r.status, r.flags))
			}
		}
	}
}
