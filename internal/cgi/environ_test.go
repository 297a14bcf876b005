package cgi

import (
	"slices"
	"strings"
	"testing"

	"github.com/anyfpm/anyfpm/internal/fpmtest"
)

func TestEnviron(t *testing.T) {
	tests := []struct {
		name   string
		params []fpmtest.Param
		base   []string
		want   string // entries, joined by |
	}{
		{
			name: "defaults of RFC 3875",
			want: "GATEWAY_INTERFACE=CGI/1.1|QUERY_STRING=|SERVER_PROTOCOL=HTTP/1.0|SERVER_SOFTWARE=anyfpm",
		},
		{
			name:   "the web server's values",
			params: fpmtest.Params("SERVER_SOFTWARE", "nginx", "QUERY_STRING", "a=b", "SERVER_PROTOCOL", "HTTP/1.1", "GATEWAY_INTERFACE", "CGI/1.1"),
			want:   "SERVER_SOFTWARE=nginx|QUERY_STRING=a=b|SERVER_PROTOCOL=HTTP/1.1|GATEWAY_INTERFACE=CGI/1.1",
		},
		{
			name:   "what no environment can hold",
			params: fpmtest.Params("", "x", "A=B", "x", "A\x00B", "x", "NUL", "a\x00b", "HTTP_PROXY", "evil", "OK", "é\xff"),
			want:   "OK=é\xff|GATEWAY_INTERFACE=CGI/1.1|QUERY_STRING=|SERVER_PROTOCOL=HTTP/1.0|SERVER_SOFTWARE=anyfpm",
		},
		{
			name:   "content lengths",
			params: fpmtest.Params("CONTENT_LENGTH", "-1", "QUERY_STRING", ""),
			want:   "QUERY_STRING=|GATEWAY_INTERFACE=CGI/1.1|SERVER_PROTOCOL=HTTP/1.0|SERVER_SOFTWARE=anyfpm",
		},
		{
			name:   "an empty content length is nginx's way to say none",
			params: fpmtest.Params("CONTENT_LENGTH", ""),
			want:   "CONTENT_LENGTH=|GATEWAY_INTERFACE=CGI/1.1|QUERY_STRING=|SERVER_PROTOCOL=HTTP/1.0|SERVER_SOFTWARE=anyfpm",
		},
		{
			name:   "the request wins over the pool",
			params: fpmtest.Params("PATH", "/web"),
			base:   []string{"PATH=/pool", "LANG=C", "HTTP_PROXY=http://proxy", "nonsense"},
			want:   "LANG=C|HTTP_PROXY=http://proxy|PATH=/web|GATEWAY_INTERFACE=CGI/1.1|QUERY_STRING=|SERVER_PROTOCOL=HTTP/1.0|SERVER_SOFTWARE=anyfpm",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := paramsOf(t, tt.params)
			if got := strings.Join(p.Environ(nil, tt.base), "|"); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
			block := string(p.AppendNUL([]byte("before|")))
			entries := strings.Split(strings.TrimSuffix(strings.TrimPrefix(block, "before|"), "\x00"), "\x00")
			if got, want := entries, p.Environ(nil, nil); !slices.Equal(got, want) {
				t.Errorf("AppendNUL gives %q, Environ %q", got, want)
			}
		})
	}
}
