package gateway

import (
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/anyfpm/anyfpm/fcgi"
)

// params returns the meta-variables of RFC 3875 §4.1 for a request, and those
// that nginx and Apache give scripts beside them.
func (g *Gateway) params(r *http.Request, t target) fcgi.Params {
	p := make(fcgi.Params, 0, 24+len(r.Header))
	set := func(name, value string) { p = append(p, fcgi.Param{Name: name, Value: value}) }

	set("GATEWAY_INTERFACE", "CGI/1.1")
	set("SERVER_SOFTWARE", g.cfg.ServerSoftware)
	set("SERVER_PROTOCOL", r.Proto)
	set("REQUEST_METHOD", r.Method)
	set("REQUEST_URI", requestURI(r))
	set("QUERY_STRING", r.URL.RawQuery)
	set("DOCUMENT_ROOT", g.cfg.Root)
	set("DOCUMENT_URI", r.URL.Path)
	set("REDIRECT_STATUS", "200") // php-cgi wants it

	scriptName := ""
	if t.name != "" {
		scriptName = "/" + t.name
		set("SCRIPT_FILENAME", strings.TrimSuffix(g.cfg.Root, "/")+scriptName)
	}
	set("SCRIPT_NAME", scriptName)
	if t.pathInfo != "" {
		set("PATH_INFO", t.pathInfo)
		set("PATH_TRANSLATED", strings.TrimSuffix(g.cfg.Root, "/")+t.pathInfo)
	}

	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	serverAddr, serverPort := hostPort(local)
	set("SERVER_NAME", serverName(r.Host, serverAddr))
	set("SERVER_ADDR", serverAddr)
	set("SERVER_PORT", portOf(r, serverPort))
	remoteAddr, remotePort := splitAddr(r.RemoteAddr)
	set("REMOTE_ADDR", remoteAddr)
	set("REMOTE_PORT", remotePort)
	if r.TLS != nil {
		set("HTTPS", "on")
		set("REQUEST_SCHEME", "https")
	} else {
		set("REQUEST_SCHEME", "http")
	}

	// The length of a chunked body is not known; a script reads to its end.
	if r.ContentLength > 0 || r.ContentLength == 0 && r.Header.Get("Content-Length") != "" {
		set("CONTENT_LENGTH", strconv.FormatInt(r.ContentLength, 10))
	}
	if r.Header.Get("Content-Type") != "" {
		set("CONTENT_TYPE", r.Header.Get("Content-Type"))
	}
	if r.Host != "" {
		set("HTTP_HOST", r.Host)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		if variable, ok := headerVariable(name); ok {
			set(variable, joinValues(name, r.Header[name]))
		}
	}
	return p
}

// headerVariable returns the meta-variable of a request header. ok is false
// for headers that scripts do not get: those of the connection, those that have
// a variable of their own, Proxy, whose variable programs take for their own
// proxy (httpoxy, CVE-2016-5385), and names with other characters than letters,
// digits and hyphens, which could pass for another header's variable.
func headerVariable(name string) (variable string, ok bool) {
	switch http.CanonicalHeaderKey(name) {
	case "Content-Length", "Content-Type", "Host", "Proxy", "Expect":
		return "", false
	}
	if name == "" || isHopByHop(name) {
		return "", false
	}
	buf := make([]byte, 0, len("HTTP_")+len(name))
	buf = append(buf, "HTTP_"...)
	for _, c := range []byte(name) {
		switch {
		case c >= 'a' && c <= 'z':
			c -= 'a' - 'A'
		case c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case c == '-':
			c = '_'
		default:
			return "", false
		}
		buf = append(buf, c)
	}
	return string(buf), true
}

// isHopByHop reports whether a header is about one connection only.
func isHopByHop(name string) bool {
	switch http.CanonicalHeaderKey(name) {
	case "Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authorization",
		"Te", "Trailer", "Transfer-Encoding", "Upgrade":
		return true
	}
	return false
}

// joinValues makes one value of a header that was sent several times.
func joinValues(name string, values []string) string {
	if name == "Cookie" {
		return strings.Join(values, "; ")
	}
	return strings.Join(values, ", ")
}

// requestURI is the path and query as the client wrote them, also when it sent
// a whole URL.
func requestURI(r *http.Request) string {
	if strings.HasPrefix(r.RequestURI, "/") {
		return r.RequestURI
	}
	return r.URL.RequestURI()
}

// serverName is the host that the client asked for or, if it named none, the
// address that it reached. An IPv6 address is in brackets (RFC 3875 §4.1.14).
func serverName(host, addr string) string {
	if host != "" {
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
	} else {
		host = addr
	}
	if strings.Contains(host, ":") && !strings.HasPrefix(host, "[") {
		return "[" + host + "]"
	}
	return host
}

// portOf is the port that the client reached; for a unix socket the one that
// it believes to have reached.
func portOf(r *http.Request, local string) string {
	if local != "" {
		return local
	}
	if _, port, err := net.SplitHostPort(r.Host); err == nil && port != "" {
		return port
	}
	if r.TLS != nil {
		return "443"
	}
	return "80"
}

func hostPort(addr net.Addr) (host, port string) {
	if addr == nil || !strings.HasPrefix(addr.Network(), "tcp") {
		return "", ""
	}
	return splitAddr(addr.String())
}

// splitAddr takes an address apart. An IPv4 address in IPv6 form becomes a
// plain one; what is no address of the network is "unix:", as nginx says.
func splitAddr(addr string) (host, port string) {
	ap, err := netip.ParseAddrPort(addr)
	if err != nil {
		return "unix:", ""
	}
	return ap.Addr().Unmap().String(), strconv.Itoa(int(ap.Port()))
}
