package runner

import (
	"slices"

	"github.com/anyfpm/anyfpm/internal/config"
)

// newPHP is php-cgi as a FastCGI program. The pool's php_value and
// php_admin_value directives become its -d arguments, and its own management
// of processes is turned off: that is this program's work.
func newPHP(pool *config.Pool, env []string) (*fastcgiRunner, error) {
	php := *pool
	if len(php.RunnerCommand) == 0 {
		php.RunnerCommand = []string{"php-cgi"}
	}
	// The web server's word that a request came through it is for php-cgi as
	// a CGI program; php-fpm does not ask for it either.
	args := append(slices.Clone(php.RunnerCommand), "-d", "cgi.force_redirect=0")
	for _, values := range [][]config.KeyValue{pool.PHPValues, pool.PHPAdminValues} {
		for _, v := range values {
			args = append(args, "-d", v.Key+"="+quoteINI(v.Value))
		}
	}
	php.RunnerCommand = args
	env = append(slices.Clone(env), "PHP_FCGI_CHILDREN=0", "PHP_FCGI_MAX_REQUESTS=0")
	return newFastCGI(&php, env)
}

// quoteINI makes a value one string for PHP's INI scanner, which would take
// operators and comments in it for its own.
func quoteINI(value string) string {
	quoted := []byte{'"'}
	for i := range len(value) {
		if value[i] == '"' || value[i] == '\\' {
			quoted = append(quoted, '\\')
		}
		quoted = append(quoted, value[i])
	}
	return string(append(quoted, '"'))
}
