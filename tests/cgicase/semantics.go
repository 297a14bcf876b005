package cgicase

import "strings"

// env returns a program that prints the named variables, one a line, and a
// dash for one that is not set.
func env(names ...string) string {
	var script strings.Builder
	script.WriteString("#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\n")
	for _, name := range names {
		script.WriteString("printf '%s=%s\\n' " + name + " \"${" + name + "--}\"\n")
	}
	return script.String()
}

// plain is the beginning of a shell script with nothing special to say.
const plain = "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\n"

// Semantics are the rules of RFC 3875, a case for each.
var Semantics = []Case{
	{
		Name:     "what the request was",
		File:     "request.sh",
		Source:   env("REQUEST_METHOD", "SCRIPT_NAME", "QUERY_STRING", "CONTENT_LENGTH", "CONTENT_TYPE", "GATEWAY_INTERFACE", "SERVER_PROTOCOL", "REMOTE_ADDR"),
		Method:   "PUT",
		Path:     "?a=1&b=%20",
		Body:     "four",
		Header:   map[string]string{"Content-Type": "text/x-test"},
		WantBody: "REQUEST_METHOD=PUT\nSCRIPT_NAME=/request.sh\nQUERY_STRING=a=1&b=%20\nCONTENT_LENGTH=4\nCONTENT_TYPE=text/x-test\nGATEWAY_INTERFACE=CGI/1.1\nSERVER_PROTOCOL=HTTP/1.1\nREMOTE_ADDR=127.0.0.1\n",
	},
	{
		Name:     "header fields of the request",
		File:     "fields.sh",
		Source:   env("HTTP_X_TEST", "HTTP_ACCEPT_LANGUAGE"),
		Header:   map[string]string{"X-Test": "one, \"two\" $HOME `id`", "Accept-Language": "de"},
		WantBody: "HTTP_X_TEST=one, \"two\" $HOME `id`\nHTTP_ACCEPT_LANGUAGE=de\n",
	},
	{
		Name:     "httpoxy: Proxy never becomes HTTP_PROXY",
		File:     "proxy.sh",
		Source:   env("HTTP_PROXY", "HTTP_X_PROXY"),
		Header:   map[string]string{"Proxy": "http://evil.example/", "X-Proxy": "ok"},
		WantBody: "HTTP_PROXY=-\nHTTP_X_PROXY=ok\n",
	},
	{
		Name:     "the working directory is the program's own",
		File:     "sub/dir/cwd.sh",
		Source:   plain + "pwd",
		WantBody: "{{WWW}}/sub/dir\n",
	},
	{
		Name:     "an indexed query becomes arguments, what a shell would see escaped",
		File:     "args.sh",
		Source:   plain + `for a in "$@"; do printf '<%s>' "$a"; done`,
		Path:     "?one+two%20words+%3Cthree%3E",
		WantBody: "<one><two words><\\<three\\>>",
	},
	{
		Name:     "a query with = does not",
		File:     "noargs.sh",
		Source:   plain + `printf '%d' "$#"`,
		Path:     "?one+two=2",
		WantBody: "0",
	},
	{
		Name:       "Status",
		File:       "status.sh",
		Source:     "#!/bin/sh\nprintf 'Status: 418 Short and stout\\nContent-Type: text/plain\\n\\ntea'",
		WantStatus: 418,
		WantBody:   "tea",
	},
	{
		Name:       "a full Location makes a redirect",
		File:       "location.sh",
		Source:     "#!/bin/sh\nprintf 'Location: http://example.org/there?x=1\\n\\n'",
		WantStatus: 302,
		WantHeader: map[string]string{"Location": "http://example.org/there?x=1"},
	},
	{
		Name:       "Status and Location together",
		File:       "moved.sh",
		Source:     "#!/bin/sh\nprintf 'Status: 301 Moved\\nLocation: http://example.org/\\nContent-Type: text/plain\\n\\nmoved'",
		WantStatus: 301,
		WantHeader: map[string]string{"Location": "http://example.org/"},
		WantBody:   "moved",
	},
	{
		Name:       "header fields may repeat and may end in CR LF",
		File:       "cookies.sh",
		Source:     "#!/bin/sh\nprintf 'Content-Type: text/plain\\r\\nSet-Cookie: a=1\\r\\nSet-Cookie: b=2\\r\\nX-Empty:\\r\\n\\r\\nok'",
		WantHeader: map[string]string{"Set-Cookie": "a=1|b=2", "X-Empty": ""},
		WantBody:   "ok",
	},
	{
		Name:       "a program named nph- writes the status line itself",
		File:       "nph-raw.sh",
		Source:     "#!/bin/sh\nprintf 'HTTP/1.0 404 Not Here\\r\\nContent-Type: text/plain\\r\\nX-Nph: yes\\r\\n\\r\\nraw'",
		WantStatus: 404,
		WantHeader: map[string]string{"X-Nph": "yes"},
		WantBody:   "raw",
	},
	{
		Name:       "HEAD has a header and no body, whatever the program prints",
		File:       "head.sh",
		Source:     "#!/bin/sh\nprintf 'Content-Type: text/plain\\nX-Method: %s\\n\\nnot for you' \"$REQUEST_METHOD\"",
		Method:     "HEAD",
		WantHeader: map[string]string{"X-Method": "HEAD"},
	},
	{
		Name:   "a body that is not read does no harm",
		File:   "unread.sh",
		Source: plain + "printf done",
		Method: "POST", Body: strings.Repeat("unread ", 1<<19),
		WantBody: "done",
	},
	{
		Name:   "bytes go through unchanged, both ways",
		File:   "echo.sh",
		Source: "#!/bin/sh\nprintf 'Content-Type: application/octet-stream\\n\\n'\nexec cat",
		Method: "POST", Body: allBytes(3 << 20),
		WantBody: allBytes(3 << 20),
	},
	{
		Name:     "a response may be empty",
		File:     "empty.sh",
		Source:   plain,
		WantBody: "",
	},
	{
		Name:     "the exit code does not matter once there is a response",
		File:     "exit.sh",
		Source:   plain + "printf fine; exit 3",
		WantBody: "fine",
	},
	{
		Name:     "programs that a program starts inherit its descriptors",
		File:     "children.sh",
		Source:   plain + "sh -c 'tr a-z A-Z'",
		Method:   "POST",
		Body:     "shout",
		WantBody: "SHOUT",
	},
}

// PathInfo are the rules for what follows the program in the path.
var PathInfo = []Case{
	{
		Name:     "PATH_INFO",
		File:     "path.sh",
		Source:   env("SCRIPT_NAME", "PATH_INFO", "QUERY_STRING"),
		Path:     "/more/of%20it?q",
		WantBody: "SCRIPT_NAME=/path.sh\nPATH_INFO=/more/of it\nQUERY_STRING=q\n",
	},
	{
		Name:     "PATH_TRANSLATED is PATH_INFO below the document root",
		File:     "translated.sh",
		Source:   env("PATH_TRANSLATED"),
		Path:     "/extra",
		WantBody: "PATH_TRANSLATED={{WWW}}/extra\n",
	},
	{
		Name:     "no PATH_INFO without a path",
		File:     "nopath.sh",
		Source:   env("PATH_TRANSLATED"),
		WantBody: "PATH_TRANSLATED=-\n",
	},
}

// allBytes has every byte value and no period of a power of two.
func allBytes(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i % 257 % 256)
	}
	return string(b)
}
