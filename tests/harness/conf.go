package harness

import (
	"fmt"
	"strconv"
	"strings"
)

// A conf is a configuration as a test wrote it, completed for a sandbox.
type conf struct {
	text string
	// pools in the order of the file, and where each listens.
	pools  []string
	listen map[string]string
}

// complete adds to a configuration what every scenario wants: at the top the
// global directives, and at the top of every pool a socket and a user. What
// the test wrote comes later in the file and therefore wins.
//
// In the text {{RUN}}, {{LOG}}, {{TMP}} and {{WWW}} stand for the directories
// of the sandbox and {{PORT}} for a free port, the same wherever it stands.
func complete(text string, global []string, s *Sandbox, id Identity) conf {
	if strings.Contains(text, "{{PORT}}") {
		text = strings.ReplaceAll(text, "{{PORT}}", strconv.Itoa(FreePort(s.t)))
	}
	text = strings.NewReplacer("{{RUN}}", s.Run, "{{LOG}}", s.Logs, "{{TMP}}", s.Tmp, "{{WWW}}", s.WWW).Replace(text)

	c := conf{listen: make(map[string]string)}
	var out strings.Builder
	for _, line := range global {
		fmt.Fprintln(&out, line)
	}
	pool := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		fmt.Fprintln(&out, line)
		if name, isSection := section(line); isSection {
			pool = name
			if pool != "global" {
				c.add(pool, s)
				out.WriteString(c.defaults(pool, id))
			}
		}
		if key, value, found := strings.Cut(line, "="); found && strings.TrimSpace(key) == "listen" {
			c.listen[pool] = address(strings.TrimSpace(value))
		}
	}
	c.text = out.String()
	return c
}

func section(line string) (name string, ok bool) {
	if !strings.HasPrefix(line, "[") || !strings.HasSuffix(line, "]") {
		return "", false
	}
	return line[1 : len(line)-1], true
}

func (c *conf) add(pool string, s *Sandbox) {
	if _, known := c.listen[pool]; !known {
		c.pools = append(c.pools, pool)
		c.listen[pool] = s.Path("run", pool+".sock")
	}
}

func (c *conf) defaults(pool string, id Identity) string {
	lines := fmt.Sprintf("listen = %s\n", c.listen[pool])
	if id.PoolUser != "" {
		lines += fmt.Sprintf("user = %[1]s\ngroup = %[1]s\nlisten.owner = %[1]s\nlisten.group = %[1]s\n", id.PoolUser)
	}
	return lines
}

// address turns a listen directive into what a client connects to.
func address(listen string) string {
	if _, err := strconv.Atoi(listen); err == nil {
		return "127.0.0.1:" + listen
	}
	return listen
}
