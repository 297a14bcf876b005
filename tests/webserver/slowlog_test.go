//go:build integration

package webserver

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/anyfpm/anyfpm/slowlog"
	"github.com/anyfpm/anyfpm/tests/harness"
)

// A query is a program that waits for a database, which is at HOST:PORT.
type query struct {
	pool   string
	conf   string
	script string
	text   string // DIR is the directory of the scripts, PORT the database's
	// frames are to be found in this order in one stack, innermost first:
	// function@line, with a line in the script. Perl puts a package before it.
	frames  []string
	runtime string // a pattern
	child   bool   // it is a child of the script that has the stack and waits
}

var queries = []query{
	{
		pool: "python", conf: "runner = python\nrunner.isolation = persistent", script: "query.py", runtime: `^python 3\.`,
		text: `import socket
def query(db):
    return db.recv(100)

class Page:
    def show(self):
        with socket.create_connection(('127.0.0.1', PORT)) as db:
            return query(db)

answer = Page().show()
print('Content-Type: text/plain\n\n' + answer.decode(), end='')
`,
		frames: []string{"query@3", "Page.show@8", "@10"},
	},
	{
		pool: "forked", conf: "runner = python", script: "forked.py", runtime: `^python 3\.`,
		text: `import socket
def query():
    db = socket.create_connection(('127.0.0.1', PORT))
    return db.makefile('rb').readline()
answer = query()
print('Content-Type: text/plain\n\n' + answer.decode(), end='')
`,
		frames: []string{"SocketIO.readinto", "query@4", "@5"},
	},
	{
		pool: "wsgi", conf: "runner = wsgi\nrunner.application = application:application\nrunner.path[] = DIR", script: "application.py", runtime: `^python 3\.`,
		text: `import socket
def query(db):
    return db.recv(100)
def application(environ, start_response):
    with socket.create_connection(('127.0.0.1', PORT)) as db:
        answer = query(db)
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [answer]
`,
		frames: []string{"query@3", "application@6"},
	},
	{
		pool: "php", conf: "runner = php", script: "query.php", runtime: `^php [78]\.\d+\.\d+$`,
		text: `<?php
class Page {
    function show() {
        $db = fsockopen('127.0.0.1', PORT);
        return query($db);
    }
}
function query($db) {
    return fgets($db);
}
header('Content-Type: text/plain');
echo (new Page)->show();
`,
		frames: []string{"fgets@9", "query@9", "Page::show@5", "{main}@12"},
	},
	{
		pool: "perl", conf: "runner = perl", script: "query.pl", runtime: `^perl 5\.\d+\.\d+$`,
		text: `#!/usr/bin/perl
use IO::Socket::INET;
sub query {
    my $db = shift;
    return scalar <$db>;
}
sub page {
    my $db = IO::Socket::INET->new('127.0.0.1:PORT') or die;
    return query($db);
}
my $answer = page();
print "Content-Type: text/plain\n\n$answer";
`,
		frames: []string{"query@5", "page@9", "@11"},
	},
	{
		pool: "ruby", conf: "runner = ruby", script: "query.rb", runtime: `^ruby [234]\.\d+\.\d+$`,
		text: `#!/usr/bin/ruby
require 'socket'
def query(db)
  db.recv(100)
end
def page
  [1].each do
    TCPSocket.open('127.0.0.1', PORT) { |db| return query(db) }
  end
end
answer = page
print "Content-Type: text/plain\n\n#{answer}"
`,
		frames: []string{"query@4", "block (2 levels) in page@8", "block in page@8", "page@7", "@11"},
	},
	{
		pool: "native", conf: "runner = cgi", script: "query.c", runtime: `^native$`,
		text: `#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
__attribute__((noinline)) static int query(int db, char *answer)
{
	return read(db, answer, 100) + 0;
}
__attribute__((noinline)) int page(char *answer)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int db = socket(AF_INET, SOCK_STREAM, 0);
	return connect(db, (void *)&a, sizeof a) ? 0 : query(db, answer) + 0;
}
int main(void)
{
	char answer[100];
	printf("Content-Type: text/plain\n\n%.*s", page(answer), answer);
	return 0;
}
`,
		frames: []string{"read", "query", "page", "main"},
	},
	{
		pool: "go", conf: "runner = cgi", script: "gopher.go", runtime: `^go 1\.`,
		text: `package main

import (
	"fmt"
	"io"
	"net"
)

func query(db net.Conn) []byte {
	answer, _ := io.ReadAll(db)
	return answer
}

func main() {
	db, err := net.Dial("tcp", "127.0.0.1:PORT")
	if err == nil {
		fmt.Printf("Content-Type: text/plain\n\n%s", query(db))
	}
}
`,
		frames: []string{"main.query@10", "main.main@17"},
	},
	{
		pool: "shell", conf: "runner = cgi", script: "shell.sh", runtime: `^python 3\.`, child: true,
		text: `#!/bin/sh
printf 'Content-Type: text/plain\n\n'
/usr/bin/python3 DIR/client.py
true
`,
		frames: []string{"query@3", "<module>@4"},
	},
}

// dockerCapabilities are those that a container has by default; the one to
// trace others is not among them.
const dockerCapabilities = "-all,+chown,+dac_override,+fowner,+fsetid,+kill,+setgid,+setuid,+setpcap," +
	"+net_bind_service,+net_raw,+sys_chroot,+mknod,+audit_write,+setfcap"

// Requests that wait for a database show in the slow log where they are, in
// every language, and whom they wait for: as root, as an ordinary user, and
// with the capabilities of a container.
func TestSlowlogOfDatabaseCall(t *testing.T) {
	t.Parallel()
	for _, as := range harness.Identities() {
		t.Run(as.Name, func(t *testing.T) {
			t.Parallel()
			waitForDatabase(t, suite.Service("", as))
		})
	}
	if os.Getuid() != 0 {
		return // who is not root has no capabilities
	}
	t.Run("container", func(t *testing.T) {
		t.Parallel()
		service := suite.Service("", harness.Current())
		service.Args = []string{"--bounding-set=" + dockerCapabilities, service.Binary}
		service.Binary = "/usr/bin/setpriv"
		d := waitForDatabase(t, service)
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.PID))
		if err != nil || !strings.Contains(string(status), "\nCapEff:\t00000000a80425fb\n") {
			t.Errorf("the service has other capabilities than a container: %v\n%s", err, status)
		}
	})
}

// waitForDatabase has a service wait for the database in all languages.
func waitForDatabase(t *testing.T, service harness.Service) *harness.Daemon {
	t.Helper()
	db := openDatabase(t)
	scripts := harness.NewSandbox(t, service.As)
	expand := strings.NewReplacer("DIR", scripts.WWW, "PORT", fmt.Sprint(db.Addr().(*net.TCPAddr).Port)).Replace
	scripts.Script("client.py", expand("import socket\ndef query(db):\n    return db.recv(100)\nprint(query(socket.create_connection(('127.0.0.1', PORT))).decode(), end='')\n"))
	for _, q := range queries {
		q.write(t, scripts, expand(q.text))
		service.Conf += fmt.Sprintf("[%s]\n%s\npm = static\npm.max_children = 1\nslowlog = {{LOG}}/%[1]s.slow\nslowlog.format = json\nrequest_slowlog_timeout = 1\nrequest_slowlog_repeat = 9\n",
			q.pool, expand(q.conf))
	}
	d := harness.Start(t, service)
	var locations strings.Builder
	for _, q := range queries {
		fmt.Fprintf(&locations, "location = /%s { include /etc/nginx/fastcgi_params; fastcgi_pass unix:%s;\n"+
			"fastcgi_param SCRIPT_FILENAME %s/%s; fastcgi_param REQUEST_ID id-of-%[1]s; }\n", q.pool, d.Address(q.pool), scripts.WWW, q.program())
	}
	web := behind(t, d, harness.Site{Server: locations.String()})

	var all sync.WaitGroup
	for _, q := range queries {
		all.Go(func() {
			if got := web.Fetch(t, "GET", "/"+q.pool+"?a=%22b", "", nil); got.Status != 200 || got.Body != "42\n" {
				t.Errorf("%s: got %v", q.pool, got)
			}
		})
	}
	for _, q := range queries {
		t.Run(q.pool, func(t *testing.T) {
			log := harness.Follow(t, filepath.Join(d.Logs, q.pool+".slow"))
			// A look may be given up on a busy machine; the next one is not.
			harness.Eventually(t, harness.Patience, func() error {
				lines := log.Lines()
				for _, line := range lines {
					var e entry
					if err := json.Unmarshal([]byte(line), &e); err != nil {
						t.Fatalf("%v in %s", err, line)
					}
					if q.isIn(e, scripts.WWW, db.Addr().String()) {
						return nil
					}
				}
				return fmt.Errorf("want an entry with the frames %v of %q and a wait for %v, have\n%s", q.frames, q.runtime, db.Addr(), strings.Join(lines, "\n"))
			})
		})
	}
	db.answer()
	all.Wait()
	return d
}

// program is the script, or what is compiled of it.
func (q query) program() string {
	return strings.TrimSuffix(strings.TrimSuffix(q.script, ".c"), ".go")
}

func (q query) write(t *testing.T, scripts *harness.Sandbox, text string) {
	t.Helper()
	switch {
	case strings.HasSuffix(q.script, ".c"):
		scripts.Program(q.program(), text)
	case strings.HasSuffix(q.script, ".go"):
		source := scripts.File(q.script, text)
		build := exec.Command("go", "build", "-o", filepath.Join(scripts.WWW, q.program()), source)
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("cannot compile %s: %v\n%s", q.script, err, out)
		}
	default:
		scripts.Script(q.script, text)
	}
}

// An entry is a line of the slow log.
type entry struct {
	Event, Pool, Method, URI, Script string
	PID, Slot, Sample                int
	RequestID                        string `json:"request_id"`
	Elapsed, Queue                   float64
	Stacks                           []slowlog.Stack
	Wait                             slowlog.Wait
	Children                         []slowlog.Child
	Notes                            []string
}

// isIn reports whether an entry is about the query, with all that an operator
// wants to know.
func (q query) isIn(e entry, dir, db string) bool {
	of, waits := 0, e.Wait
	if q.child {
		if len(e.Children) != 1 || e.Children[0].Parent != e.PID || e.Wait.Call != "wait4" {
			return false
		}
		of, waits = e.Children[0].PID, e.Children[0].Wait
	}
	return e.Event == "slow" && e.Sample >= 1 && e.Pool == q.pool && e.PID != 0 && e.Slot == 0 &&
		e.Method == "GET" && e.URI == "/"+q.pool+"?a=%22b" && e.Script == filepath.Join(dir, q.program()) && e.RequestID == "id-of-"+q.pool &&
		e.Elapsed >= float64(e.Sample) && e.Queue < 1 && len(e.Notes) == 0 &&
		slices.ContainsFunc(e.Stacks, func(s slowlog.Stack) bool { return s.PID == of && q.hasFrames(s, filepath.Join(dir, q.script)) }) &&
		slices.ContainsFunc(waits.Descriptors, func(d slowlog.Descriptor) bool {
			return strings.HasPrefix(d.Target, "tcp 127.0.0.1:") && strings.HasSuffix(d.Target, " -> "+db)
		})
}

func (q query) hasFrames(s slowlog.Stack, file string) bool {
	if !regexp.MustCompile(q.runtime).MatchString(s.Runtime) {
		return false
	}
	if q.child {
		file = filepath.Join(filepath.Dir(file), "client.py")
	}
	wanted := q.frames
	for _, f := range s.Frames {
		if len(wanted) == 0 {
			break
		}
		name, line, _ := strings.Cut(wanted[0], "@")
		if (name == "" || f.Func == name || strings.HasSuffix(f.Func, "::"+name)) && (line == "" || f.File == file && strconv.Itoa(f.Line) == line) {
			wanted = wanted[1:]
		}
	}
	return len(wanted) == 0
}

// A databaseServer takes queries and answers none before it is told to.
type databaseServer struct {
	net.Listener
	may chan struct{}
}

func openDatabase(t *testing.T) *databaseServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	db := &databaseServer{l, make(chan struct{})}
	var all sync.WaitGroup
	t.Cleanup(func() {
		l.Close()
		db.answer()
		all.Wait()
	})
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				<-db.may
				io.WriteString(conn, "42\n")
				conn.Close()
			})
		}
	})
	return db
}

// answer has all queries answered, those to come too.
func (db *databaseServer) answer() {
	select {
	case <-db.may:
	default:
		close(db.may)
	}
}
