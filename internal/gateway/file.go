package gateway

import (
	"fmt"
	"net/http"
	"os"
	"syscall"
)

// serveFile sends a static file.
func (g *Gateway) serveFile(w http.ResponseWriter, r *http.Request, root *os.Root, t target) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		errorPage(w, http.StatusMethodNotAllowed)
		return
	}
	// Without O_NONBLOCK a FIFO, put there since the file was looked at, would
	// hold the request for ever.
	file, err := root.OpenFile(t.name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		errorPage(w, statusOf(err))
		return
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() || g.scriptFile(info) {
		errorPage(w, http.StatusNotFound) // it has become another file
		return
	}
	w.Header().Set("ETag", fmt.Sprintf(`"%x-%x"`, info.ModTime().UnixNano(), info.Size()))
	http.ServeContent(w, r, t.name, info.ModTime(), file)
}
