package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/anyfpm/anyfpm/fcgi"
	"github.com/anyfpm/anyfpm/internal/config"
)

// A request is what the command line says about one.
type request struct {
	address string
	script  string // a file, or a path below root; with "?" the query follows
	method  string
	body    string
	root    string
	params  []string
	include bool
	timeout time.Duration
}

func (a *app) newRequest() *cobra.Command {
	r := &request{}
	cmd := &cobra.Command{
		Use:   "request ADDRESS SCRIPT[?QUERY]",
		Short: "Send one FastCGI request",
		Long: `Request sends one request to a FastCGI server, as a web server would, and prints
the body of the response. Messages of the program go to standard error. It is
for probes and for looking at what a pool answers.

ADDRESS is that of a listen directive: HOST:PORT, PORT or the path of a socket.
SCRIPT is the file to run or, for status and ping, their path.

Exit codes: 0 the response is below 400, 1 it is not, 69 no server answers.`,
		Example: `  anyfpm request /run/anyfpm/www.sock '/status?full'
  anyfpm request 9000 /srv/www/hello.sh -i
  anyfpm request 127.0.0.1:9000 /form.py --root /srv/www --body name=Ada
  anyfpm request 9000 /srv/www/put.sh --method PUT --body @picture.png`,
		Args: exactly(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.address, r.script = args[0], args[1]
			return r.do(cmd.Context(), a)
		},
	}
	fs := cmd.Flags()
	fs.StringVarP(&r.method, "method", "X", "", "`METHOD` of the request (default GET, or POST with a body)")
	fs.StringVar(&r.body, "body", "", "send `TEXT`, the file @NAME, or standard input for @-")
	fs.StringVar(&r.root, "root", "", "document root `DIR`: SCRIPT is below it")
	fs.StringArrayVar(&r.params, "param", nil, "set the parameter `NAME=VALUE`, once more for each")
	fs.BoolVarP(&r.include, "include", "i", false, "print the header of the response too")
	fs.DurationVar(&r.timeout, "timeout", time.Minute, "give up after `TIME`")
	return cmd
}

func (r *request) do(ctx context.Context, a *app) error {
	if ctx == nil {
		ctx = context.Background()
	}
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	body, err := r.readBody(a)
	if err != nil {
		return err
	}
	network, address, err := config.ParseListen(r.address)
	if err != nil {
		return usageError(fmt.Errorf("bad address %q: %w", r.address, err))
	}
	client := &fcgi.Client{Network: network, Address: address, MaxIdleConns: -1}
	defer client.Close()
	out := &responseWriter{out: a.stdout, include: r.include}
	_, err = client.Do(ctx, &fcgi.Request{
		Params: r.parameters(len(body)), Stdin: bytes.NewReader(body), Stdout: out, Stderr: a.stderr,
	})
	if err != nil {
		return &exit{code: exitUnavailable, err: fmt.Errorf("no response from %s: %w", r.address, err)}
	}
	if err := out.finish(); err != nil {
		return err
	}
	if out.status >= http.StatusBadRequest {
		return &exit{code: exitRefused, err: fmt.Errorf("the response is %d", out.status)}
	}
	return nil
}

func (r *request) readBody(a *app) ([]byte, error) {
	name, file := strings.CutPrefix(r.body, "@")
	switch {
	case !file:
		return []byte(r.body), nil
	case name == "-":
		return io.ReadAll(a.stdin)
	default:
		return os.ReadFile(name)
	}
}

// locate returns the SCRIPT_NAME, SCRIPT_FILENAME and DOCUMENT_ROOT of a path. The
// server has another working directory, so what is here is named from the top.
func (r *request) locate(path string) (name, file, root string) {
	if r.root != "" {
		root = absolute(r.root)
		return filepath.Join("/", path), filepath.Join(root, path), root
	}
	if _, err := os.Stat(path); err != nil {
		return path, path, ""
	}
	// A file stands for itself, at the root of its directory.
	file = absolute(path)
	return "/" + filepath.Base(file), file, filepath.Dir(file)
}

// absolute returns a path from the top, or as it is if nobody knows where we are.
func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// parameters are those a web server would send.
func (r *request) parameters(length int) fcgi.Params {
	path, query, _ := strings.Cut(r.script, "?")
	method := r.method
	if method == "" {
		method = http.MethodGet
		if length > 0 {
			method = http.MethodPost
		}
	}
	name, file, root := r.locate(path)
	uri := name
	if query != "" {
		uri += "?" + query
	}
	params := fcgi.Params{
		{Name: "GATEWAY_INTERFACE", Value: "CGI/1.1"},
		{Name: "SERVER_SOFTWARE", Value: "anyfpm"},
		{Name: "SERVER_PROTOCOL", Value: "HTTP/1.1"},
		{Name: "SERVER_NAME", Value: "localhost"},
		{Name: "SERVER_PORT", Value: "80"},
		{Name: "REMOTE_ADDR", Value: "127.0.0.1"},
		{Name: "REQUEST_METHOD", Value: method},
		{Name: "REQUEST_URI", Value: uri},
		{Name: "DOCUMENT_URI", Value: name},
		{Name: "SCRIPT_NAME", Value: name},
		{Name: "SCRIPT_FILENAME", Value: file},
		{Name: "DOCUMENT_ROOT", Value: root},
		{Name: "QUERY_STRING", Value: query},
	}
	if length > 0 {
		params.Set("CONTENT_LENGTH", strconv.Itoa(length))
		params.Set("CONTENT_TYPE", "application/x-www-form-urlencoded")
	}
	for _, p := range r.params {
		name, value, _ := strings.Cut(p, "=")
		params.Set(name, value)
	}
	return params
}
