package runner

import (
	"slices"
	"strings"
	"syscall"

	"github.com/anyfpm/anyfpm/fcgi"
	"github.com/anyfpm/anyfpm/internal/config"
	"github.com/anyfpm/anyfpm/internal/phpini"
)

// A PHP is php-cgi as a FastCGI program. Its own management of processes is
// turned off: that is this program's work.
type PHP struct {
	fastcgiRunner
}

func newPHP(pool *config.Pool, env []string) (*PHP, error) {
	php := *pool
	if len(php.RunnerCommand) == 0 {
		php.RunnerCommand = []string{"php-cgi"}
	}
	// The web server's word that a request came through it is for php-cgi as
	// a CGI program; php-fpm does not ask for it either.
	php.RunnerCommand = append(slices.Clone(php.RunnerCommand), "-d", "cgi.force_redirect=0")
	php.RunnerCommand = append(php.RunnerCommand, phpini.Arguments(pool.PHPArguments, pool, pool.PHPScanDir)...)
	env = phpini.Environ(withoutOwnManager(env), syscall.Getenv, pool.PHPScanDir)
	base, err := newFastCGI(&php, append(env, "PHP_FCGI_MAX_REQUESTS=0"))
	if err != nil {
		return nil, err
	}
	// php-cgi finishes its request on SIGTERM, however long that takes.
	base.plan.Terminate = syscall.SIGINT
	return &PHP{*base}, nil
}

// Dialogue implements Runner.
func (*PHP) Dialogue() Dialogue { return &phpDialogue{} }

// phpDialogue speaks FastCGI to php-cgi, with parameters that a
// [cgi.PHPResolver] has corrected.
type phpDialogue struct {
	fastcgiDialogue
}

// Begin implements Dialogue.
//
// php-cgi corrects the path of the script once more. Whoever sends REDIRECT_URL
// is to it Apache running an action: it takes PATH_TRANSLATED for the script, and
// PATH_INFO away. Where php-fpm knows better, it is sent by a name that php-cgi
// does not look for and of which PHP makes the right one in $_SERVER.
func (d *phpDialogue) Begin(dst []byte, req *Request) []byte {
	if !req.Params.Has("REDIRECT_URL") || !req.Params.Has("PATH_INFO") && !req.Params.Has("PATH_TRANSLATED") {
		return d.fastcgiDialogue.Begin(dst, req)
	}
	d.params = d.params[:0]
	for name, value := range req.Params.All() {
		if string(name) == "REDIRECT_URL" {
			name = []byte("REDIRECT.URL")
		}
		d.params = fcgi.AppendPair(d.params, name, value)
	}
	return d.begin(dst, req.Role)
}

// withoutOwnManager leaves out what makes php-cgi start workers of its own, and
// end after some requests.
func withoutOwnManager(env []string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(entry string) bool {
		return strings.HasPrefix(entry, "PHP_FCGI_CHILDREN=") || strings.HasPrefix(entry, "PHP_FCGI_MAX_REQUESTS=")
	})
}

// Inquiry describes a process that prints what the pool's PHP is like, for
// [ParsePHPFacts]. It reads its program from descriptor 0.
func (p *PHP) Inquiry() Plan {
	plan, _ := p.Plan(nil) // one without a Path cannot be started
	plan.Program = []byte(phpInquiry)
	plan.Env = phpini.Standalone(plan.Env)
	plan.Args = append(slices.Clone(plan.Args), "-q",
		"-d", "auto_prepend_file=", "-d", "auto_append_file=", "-d", "opcache.enable=0", "-d", "opcache.preload=")
	return plan
}
