package gateway

import (
	"fmt"
	"net/http"
)

// errorPage answers with a status and a page that says no more than that; the
// reason is for the log.
func errorPage(w http.ResponseWriter, status int) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	if status >= 500 {
		h.Set("Cache-Control", "no-store")
	}
	w.WriteHeader(status)
	title := fmt.Sprint(status, " ", http.StatusText(status))
	// A client that does not take the page has gone.
	_, _ = fmt.Fprintf(w, "<!doctype html>\n<title>%s</title>\n<h1>%s</h1>\n", title, title)
}
