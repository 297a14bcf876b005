package harness

import (
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
)

// A Request is one FastCGI request, in terms of the CGI.
type Request struct {
	// Method is GET when empty, or POST with a Body.
	Method string
	// Path is the script's path below the document root, and a query string
	// after a question mark.
	Path string
	// PathInfo is sent as PATH_INFO when it is not empty.
	PathInfo string
	// Body is the content of FCGI_STDIN.
	Body []byte
	// Params are sent too; they win over what the other fields make. An
	// empty value is sent as such, "-" alone leaves the parameter out.
	Params map[string]string
	// Role is Responder when zero.
	Role uint16
	// KeepConn asks to leave the connection open.
	KeepConn bool
	// Root is the document root; the service's own when empty.
	Root string
}

// params returns the pairs that a web server would send.
func (r Request) params() map[string]string {
	uri := r.Path
	script, query, _ := strings.Cut(r.Path, "?")
	method := r.Method
	switch {
	case method == "" && r.Body != nil:
		method = "POST"
	case method == "":
		method = "GET"
	}
	p := map[string]string{
		"GATEWAY_INTERFACE": "CGI/1.1",
		"SERVER_PROTOCOL":   "HTTP/1.1",
		"SERVER_SOFTWARE":   "anyfpm-tests",
		"SERVER_NAME":       "localhost",
		"SERVER_ADDR":       "127.0.0.1",
		"SERVER_PORT":       "80",
		"REMOTE_ADDR":       "127.0.0.1",
		"REMOTE_PORT":       "4711",
		"REQUEST_METHOD":    method,
		"REQUEST_URI":       uri,
		"QUERY_STRING":      query,
		"SCRIPT_NAME":       script,
		"DOCUMENT_URI":      script,
		"DOCUMENT_ROOT":     r.Root,
		"SCRIPT_FILENAME":   path.Join(r.Root, script),
	}
	if r.PathInfo != "" {
		p["PATH_INFO"] = r.PathInfo
		p["REQUEST_URI"] = script + r.PathInfo
	}
	if r.Body != nil {
		p["CONTENT_LENGTH"] = strconv.Itoa(len(r.Body))
		p["CONTENT_TYPE"] = "application/octet-stream"
	}
	maps.Copy(p, r.Params)
	maps.DeleteFunc(p, func(_, value string) bool { return value == "-" })
	return p
}

// Head returns the records before the body: BEGIN_REQUEST and PARAMS.
func (r Request) Head(id uint16) []byte {
	role, flags := r.Role, byte(0)
	if role == 0 {
		role = Responder
	}
	if r.KeepConn {
		flags = KeepConn
	}
	p := r.params()
	var content []byte
	for _, name := range slices.Sorted(maps.Keys(p)) {
		content = append(content, Pair(name, p[name])...)
	}
	return append(Begin(id, role, flags), Stream(Params, id, content)...)
}

// Bytes returns the whole request.
func (r Request) Bytes(id uint16) []byte {
	return append(r.Head(id), Stream(Stdin, id, r.Body)...)
}
