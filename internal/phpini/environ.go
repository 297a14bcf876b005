package phpini

import (
	"slices"
	"strings"

	"github.com/anyfpm/anyfpm/internal/config"
)

// Environ returns the environment of a pool's php-cgi: env, and the variables
// that say where PHP finds its ini files. php-fpm reads these files once, with
// the environment it was started in; php-cgi reads them itself and needs the
// variables even with clear_env. dir, if it is not empty, is searched last.
func Environ(env []string, inherited func(name string) (value string, ok bool), dir string) []string {
	env = slices.Clone(env)
	for _, name := range [...]string{"PHPRC", "PHP_INI_SCAN_DIR"} {
		if value, ok := inherited(name); ok && lookup(env, name) < 0 {
			env = append(env, name+"="+value)
		}
	}
	if dir == "" {
		return env
	}
	// An empty first element stands for the directory that is compiled in.
	const name = "PHP_INI_SCAN_DIR"
	if i := lookup(env, name); i >= 0 {
		env[i] += ":" + dir
		return env
	}
	return append(env, name+"=:"+dir)
}

func lookup(env []string, name string) int {
	return slices.IndexFunc(env, func(entry string) bool { return strings.HasPrefix(entry, name+"=") })
}

// Arguments are the arguments of php-cgi that the options of the command line
// (-c, -n, -d) and the pool's directives come to. What comes later counts:
// php_value before the command line, php_admin_value before php_value, and of
// two entries for one key the first. dir is as in [Environ]; it is named here
// when -n has PHP leave out all other directories.
func Arguments(options []string, pool *config.Pool, dir string) []string {
	args := slices.Clone(options)
	if dir != "" && slices.Contains(options, "-n") && !slices.Contains(options, "-c") {
		args = append(args, "-c", dir+"/"+fileName)
	}
	sums := map[string]string{}
	for _, values := range [][]config.KeyValue{pool.PHPValues, pool.PHPAdminValues} {
		for _, v := range slices.Backward(values) {
			switch {
			case !safe(v.Key + v.Value):
			case slices.Contains(addedUp, v.Key):
				sums[v.Key] = v.Value + "," + sums[v.Key]
			default:
				args = append(args, "-d", v.Key+"="+Quote(v.Value))
			}
		}
	}
	for _, key := range addedUp {
		if sum, ok := sums[key]; ok {
			// Side by side with what php.ini and the command line say.
			args = append(args, "-d", key+"="+Quote(sum)+`"${`+key+`}"`)
		}
	}
	return args
}

// addedUp are the entries that do not replace each other in php-fpm: what is
// disabled anywhere stays disabled.
var addedUp = []string{"disable_functions", "disable_classes"} //nolint:gochecknoglobals // a table, never changed

// Standalone returns env without the variables that make php-cgi think that a
// web server called it, in which case it looks at no option.
func Standalone(env []string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		switch name {
		case "SERVER_SOFTWARE", "SERVER_NAME", "GATEWAY_INTERFACE", "REQUEST_METHOD":
			return true
		}
		return false
	})
}
