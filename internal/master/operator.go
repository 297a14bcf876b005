package master

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"time"

	"github.com/anyfpm/anyfpm/status"
	"github.com/anyfpm/anyfpm/status/collector"
)

// A reply is the JSON answer to an operator's order.
type reply struct {
	PID   int    `json:"pid,omitempty"`
	Error string `json:"error,omitempty"`
}

// operatorHandler answers on the control socket:
//
//	GET  /status                a status.Service
//	POST /reload[?pool=NAME]    when the reload is over
//	POST /stop[?now=1]          at once; the service ends after that
//	POST /reopen                when all logs are opened, or cannot be
func (m *Master) operatorHandler() (http.Handler, error) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, r *http.Request) {
		service, err := m.status(r.Context())
		if err != nil {
			answer(w, http.StatusServiceUnavailable, reply{Error: err.Error()})
			return
		}
		answer(w, http.StatusOK, service)
	})
	mux.HandleFunc("POST /reload", m.serveReload)
	mux.HandleFunc("POST /stop", func(w http.ResponseWriter, r *http.Request) {
		end := m.finish
		if r.URL.Query().Has("now") {
			end = m.terminate
		}
		answer(w, http.StatusAccepted, reply{PID: os.Getpid()})
		m.loop.Post(end)
	})
	mux.HandleFunc("POST /reopen", func(w http.ResponseWriter, r *http.Request) {
		told := make(chan error, 1)
		m.loop.Post(func() { m.reopenLogs(func(err error) { told <- err }) })
		select {
		case err := <-told:
			if err != nil {
				answer(w, http.StatusInternalServerError, reply{Error: err.Error()})
				return
			}
			answer(w, http.StatusOK, reply{PID: os.Getpid()})
		case <-r.Context().Done(): // the service is ending
		}
	})
	return mux, nil
}

func (m *Master) serveReload(w http.ResponseWriter, r *http.Request) {
	pool := r.URL.Query().Get("pool")
	// The connection may outlive this program. Nobody but arriving knows of it
	// until it is on the loop.
	m.arriving.Add(1)
	defer m.arriving.Done()
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		answer(w, http.StatusInternalServerError, reply{Error: err.Error()})
		return
	}
	_ = conn.SetDeadline(time.Time{}) // the server's, for the request
	m.loop.Post(func() { m.requestReload(pool, waiter{conn: conn}) })
}

func (m *Master) metricsHandler() (http.Handler, error) {
	h, err := collector.Handler(func() status.Service {
		ctx, cancel := context.WithTimeout(context.Background(), 3*m.bounds.snapshot)
		defer cancel()
		service, err := m.status(ctx)
		if err != nil {
			return status.Service{} // the service is ending
		}
		return *service
	})
	if err != nil {
		return nil, err
	}
	path := m.cfg.Global.MetricsPath
	if path == "" {
		path = "/metrics"
	}
	mux := http.NewServeMux()
	mux.Handle("GET "+path, h)
	return inTime(mux), nil
}

// scrapeTimeout is how long a scrape may take from its header to the last byte
// of the page.
const scrapeTimeout = 30 * time.Second

// inTime gives up requests of clients that neither send nor take what is due.
func inTime(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		end := time.Now().Add(scrapeTimeout)
		control := http.NewResponseController(w)
		_ = errors.Join(control.SetReadDeadline(end), control.SetWriteDeadline(end)) // the connection has gone
		h.ServeHTTP(w, r)
	})
}

// status asks all pools how they are, from any goroutine.
func (m *Master) status(ctx context.Context) (*status.Service, error) {
	answers := make(chan status.Service, 1)
	m.loop.Post(func() { m.snapshots.ask(func(s status.Service) { answers <- s }) })
	select {
	case service := <-answers:
		return &service, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func answer(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v) // the client has gone
}
