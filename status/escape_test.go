package status

import "testing"

// What a client has sent gives no commands to the terminal on which a page is
// read.
func TestPlain(t *testing.T) {
	for text, want := range map[string]string{
		"/\x1b[31m\r\n\x7f":  "/\ufffd[31m\ufffd\ufffd\ufffd",
		"/\u009b31m \x9b31m": "/\ufffd31m \ufffd31m",
		"/caf\u00e9\t\u00a0": "/caf\u00e9\t\u00a0",
	} {
		if got := string(appendPlain(nil, text)); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
