package runner

import (
	"path/filepath"
	"strings"

	"github.com/anyfpm/anyfpm/internal/cgi"
	"github.com/anyfpm/anyfpm/internal/config"
)

// defaultPath is what a script finds as PATH unless the pool says otherwise
// (clear_env, env[PATH]): without one many scripts could not even name their
// interpreter.
const defaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// cgiRunner runs a process per request, as RFC 3875 describes.
type cgiRunner struct {
	command []string // put before the script, mostly empty
	dir     string   // chdir, empty for the script's own directory
	env     []string
}

func newCGI(pool *config.Pool, env []string) *cgiRunner {
	return &cgiRunner{command: pool.RunnerCommand, dir: pool.Chdir, env: withPath(env)}
}

func withPath(env []string) []string {
	for _, e := range env {
		if strings.HasPrefix(e, "PATH=") {
			return env
		}
	}
	return append(env[:len(env):len(env)], defaultPath)
}

// Wiring implements Runner.
func (*cgiRunner) Wiring() Wiring { return Pipes }

// Dialogue implements Runner: the streams of a script are its own.
func (*cgiRunner) Dialogue() Dialogue { return nil }

// Zygote implements Runner.
func (*cgiRunner) Zygote() Zygote { return nil }

// Traits implements Runner.
func (*cgiRunner) Traits() Traits { return Traits{} }

// Plan implements Runner. The query of an indexed request becomes arguments
// (RFC 3875, 4.4), and the working directory is the script's (7.2) unless the
// pool has another.
func (c *cgiRunner) Plan(req *Request) (Plan, error) {
	args := append(c.command[:len(c.command):len(c.command)], req.Script)
	args = append(args, cgi.QueryArgs(req.Params.Get("REQUEST_METHOD"), req.Params.Get("QUERY_STRING"))...)
	dir := c.dir
	if dir == "" {
		dir = filepath.Dir(req.Script)
	}
	env := make([]string, 0, len(c.env)+40)
	return Plan{Path: args[0], Args: args, Env: req.Params.Environ(env, c.env), Dir: dir}, nil
}
