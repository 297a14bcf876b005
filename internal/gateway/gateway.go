package gateway

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/anyfpm/anyfpm/fcgi"
)

// Config says what a [Gateway] serves.
type Config struct {
	// Root is the document root, an absolute path. It is opened anew for each
	// request, so a symbolic link that is moved to another release counts at
	// once.
	Root string
	// Index are the names tried for a directory, in order; nil is index.html,
	// index.cgi.
	Index []string
	// ScriptExtensions, such as ".php", mark scripts that need no execute bit.
	// Case does not matter.
	ScriptExtensions []string
	// Virtual are paths that go to the backend whether there is a file or not,
	// such as those of status page and ping.
	Virtual []string
	// Application says that the pool runs one application, not scripts: what is
	// no static file goes to it, with an empty SCRIPT_NAME and the whole path
	// as PATH_INFO. If its source is below Root, ScriptExtensions must name it
	// so that it is not sent.
	Application bool
	// Backend performs the requests for scripts, as an [fcgi.Client] does: a
	// request without a body has a nil Stdin. It must be set.
	Backend fcgi.Handler
	// Logger gets a line for what goes wrong; nil is [slog.Default].
	Logger *slog.Logger
	// BodyTimeout is how long a body may take that is not passed on as it
	// comes: a small one, and one that no script gets. Zero is a minute.
	BodyTimeout time.Duration
	// ServerSoftware is the SERVER_SOFTWARE of scripts; empty is "anyfpm".
	ServerSoftware string
}

// Validate returns all that is wrong with the configuration.
func (c *Config) Validate() error {
	var errs []error
	if c.Backend == nil {
		errs = append(errs, errors.New("the gateway has no backend"))
	}
	if !filepath.IsAbs(c.Root) {
		errs = append(errs, fmt.Errorf("the document root %q is not an absolute path", c.Root))
	} else if info, err := os.Stat(c.Root); err != nil {
		errs = append(errs, fmt.Errorf("cannot use the document root: %w", err))
	} else if !info.IsDir() {
		errs = append(errs, fmt.Errorf("the document root %s is not a directory", c.Root))
	}
	for _, name := range c.Index {
		if name == "" || strings.ContainsAny(name, "/\x00") || strings.HasPrefix(name, ".") {
			errs = append(errs, fmt.Errorf("%q cannot be an index", name))
		}
	}
	for _, ext := range c.ScriptExtensions {
		if ext == "" {
			errs = append(errs, errors.New("a script extension is empty"))
		}
	}
	return errors.Join(errs...)
}

// A Gateway is an [http.Handler] for a document root with scripts. It is safe
// for concurrent use and holds nothing open between requests.
type Gateway struct {
	cfg Config
}

// New returns a Gateway, or all that is wrong with cfg.
func New(cfg Config) (*Gateway, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg.Root = filepath.Clean(cfg.Root)
	if cfg.Index == nil {
		cfg.Index = []string{"index.html", "index.cgi"}
	}
	if cfg.BodyTimeout == 0 {
		cfg.BodyTimeout = time.Minute
	}
	if cfg.ServerSoftware == "" {
		cfg.ServerSoftware = "anyfpm"
	}
	return &Gateway{cfg}, nil
}

// scriptMethods is what Allow says of a script, which may take other methods
// as well, but for TRACE and CONNECT.
const scriptMethods = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"

// ServeHTTP answers a request.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.serve(w, r, 0)
}

// serve answers a request that comes after so many local redirects.
func (g *Gateway) serve(w http.ResponseWriter, r *http.Request, redirects int) {
	root, err := os.OpenRoot(g.cfg.Root)
	if err != nil {
		g.logger().Error("cannot open the document root", slog.Any("err", err))
		errorPage(w, http.StatusInternalServerError)
		return
	}
	t := g.resolve(root, r.URL)
	if t.kind != isFile && (r.Method == http.MethodTrace || r.Method == http.MethodConnect) {
		t = refused(http.StatusMethodNotAllowed)
		w.Header().Set("Allow", scriptMethods)
	}
	if t.kind != isScript && r.Body != nil && r.Body != http.NoBody {
		// net/http waits for the body before it answers.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(g.cfg.BodyTimeout))
	}
	if t.kind == isFile {
		g.serveFile(w, r, root, t)
	}
	// A script may run for long; the root is not needed for that.
	_ = root.Close()
	switch t.kind {
	case isFile:
	case isScript:
		g.serveScript(w, r, t, redirects)
	case isDirectory:
		redirectToDirectory(w, r, t)
	case isRefused:
		errorPage(w, t.status)
	}
}

func (g *Gateway) logger() *slog.Logger {
	if g.cfg.Logger == nil {
		return slog.Default()
	}
	return g.cfg.Logger
}
