package runner

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/anyfpm/anyfpm/internal/config"
)

// A language is what a runner asks of its interpreter.
type language struct {
	name    string // of the program, at the beginning
	flag    string // runs a program that is an argument
	tell    string // such a program, which prints the version behind versionMark
	minimum [2]int
}

const versionMark = "anyfpm version "

func languageOf(kind config.RunnerKind) (language, bool) {
	switch kind {
	case config.RunnerPython, config.RunnerWSGI:
		return language{"python", "-c", `import sys; print("` + versionMark + `%d.%d" % sys.version_info[:2])`, [2]int{3, 8}}, true
	case config.RunnerPerl:
		return language{"perl", "-e", `printf "` + versionMark + `%vd\n", $^V`, [2]int{5, 26}}, true
	case config.RunnerRuby:
		return language{"ruby", "-e", `print "` + versionMark + `", RUBY_VERSION, "\n"`, [2]int{2, 7}}, true
	case config.RunnerCGI, config.RunnerFastCGI, config.RunnerPHP:
	}
	return language{}, false
}

// An Asker runs a program and returns what it prints.
type Asker func(Plan) ([]byte, error)

// CheckVersion finds out whether the interpreter of a pool is recent enough for
// its runner. A program of which that cannot be told, such as a worker of the
// operator's own, is not objected to.
func CheckVersion(pool *config.Pool, ask Asker) error {
	lang, ok := languageOf(pool.Runner)
	if !ok || len(pool.RunnerCommand) == 0 || pool.Chroot != "" {
		return nil
	}
	command := pool.RunnerCommand
	if !strings.HasPrefix(filepath.Base(command[0]), lang.name) {
		return nil
	}
	path, err := findProgram(command[0], pool.Runner)
	if err != nil {
		return err
	}
	args := append(command[:len(command):len(command)], lang.flag, lang.tell)
	output, err := ask(Plan{Path: path, Args: args, Env: []string{defaultPath}, Dir: pool.Chdir})
	if err != nil {
		return nil //nolint:nilerror // whether it runs is not what is asked here
	}
	_, version, found := strings.Cut(string(output), versionMark)
	var major, minor int
	if n, _ := fmt.Sscanf(version, "%d.%d", &major, &minor); !found || n < 2 {
		return nil
	}
	if major > lang.minimum[0] || major == lang.minimum[0] && minor >= lang.minimum[1] {
		return nil
	}
	return fmt.Errorf("%s is %s %d.%d, and runner = %s needs %d.%d or newer%s",
		path, lang.name, major, minor, pool.Runner, lang.minimum[0], lang.minimum[1], hint(path, pool.Runner))
}
