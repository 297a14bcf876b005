package runner

import (
	"os"
	"strings"
	"testing"

	"github.com/anyfpm/anyfpm/internal/config"
)

func TestCheckSaysWhereAProgramMustBe(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root's pools have a chroot")
	}
	dir := t.TempDir()
	err := Check(&config.Pool{Runner: config.RunnerPHP, RunnerCommand: []string{"php-cgi"}, Chroot: dir})
	if err == nil || !strings.Contains(err.Error(), "cannot find the program php-cgi below the chroot "+dir) {
		t.Errorf("got %v", err)
	}
}
