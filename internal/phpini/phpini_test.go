package phpini

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/anyfpm/anyfpm/internal/config"
)

func TestArguments(t *testing.T) {
	pool := &config.Pool{
		PHPValues:      []config.KeyValue{{Key: "a", Value: "1"}, {Key: "a", Value: "2"}, {Key: "b", Value: "x\ny"}},
		PHPAdminValues: []config.KeyValue{{Key: "c", Value: `"q" $x \`}},
	}
	for _, test := range []struct {
		options   []string
		dir, want string
	}{
		{nil, "", `-d a="2" -d a="1" -d c="\"q\" "'$'"x \\"`},
		{[]string{"-d", "z"}, "/ini", `-d z -d a="2" -d a="1" -d c="\"q\" "'$'"x \\"`},
		{[]string{"-n"}, "/ini", `-n -c /ini/php_admin_value.ini -d a="2" -d a="1" -d c="\"q\" "'$'"x \\"`},
		{[]string{"-n", "-c", "/own"}, "/ini", `-n -c /own -d a="2" -d a="1" -d c="\"q\" "'$'"x \\"`},
	} {
		if got := strings.Join(Arguments(test.options, pool, test.dir), " "); got != test.want {
			t.Errorf("%q: got %s\nwant %s", test.options, got, test.want)
		}
	}
}

// What is disabled in one place cannot be enabled in another.
func TestDisabledAddsUp(t *testing.T) {
	pool := &config.Pool{
		PHPValues:      []config.KeyValue{{Key: "disable_functions", Value: "a"}, {Key: "extension", Value: "x"}, {Key: "extension", Value: "y"}},
		PHPAdminValues: []config.KeyValue{{Key: "disable_functions", Value: "b,c"}, {Key: "disable_functions", Value: "d"}},
	}
	want := []string{"-d", `extension="y"`, "-d", `extension="x"`, "-d", `disable_functions="b,c,d,a,""${disable_functions}"`}
	if got := Arguments(nil, pool, ""); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestEnviron(t *testing.T) {
	for _, test := range []struct {
		env       []string
		inherited map[string]string
		dir       string
		want      []string
	}{
		{[]string{"A=1"}, nil, "", []string{"A=1"}},
		{[]string{"A=1"}, nil, "/ini", []string{"A=1", "PHP_INI_SCAN_DIR=:/ini"}},
		{nil, map[string]string{"PHPRC": "/etc", "PHP_INI_SCAN_DIR": "/a"}, "/ini", []string{"PHPRC=/etc", "PHP_INI_SCAN_DIR=/a:/ini"}},
		{[]string{"PHP_INI_SCAN_DIR=/pool", "PHPRC=/pool"}, map[string]string{"PHPRC": "/etc", "PHP_INI_SCAN_DIR": "/a"}, "/ini",
			[]string{"PHP_INI_SCAN_DIR=/pool:/ini", "PHPRC=/pool"}},
	} {
		got := Environ(test.env, func(name string) (string, bool) { v, ok := test.inherited[name]; return v, ok }, test.dir)
		if !slices.Equal(got, test.want) {
			t.Errorf("%q with %v: got %q, want %q", test.env, test.inherited, got, test.want)
		}
	}
}

func TestStandalone(t *testing.T) {
	got := Standalone([]string{"A=1", "REQUEST_METHOD=", "SERVER_NAME=x", "REQUEST_METHOD_X=1"})
	if want := []string{"A=1", "REQUEST_METHOD_X=1"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Only entries that scripts could change are bound, everywhere below the root,
// in a directory that is gone with its Dir.
func TestCreate(t *testing.T) {
	pool := &config.Pool{Runner: config.RunnerPHP, PHPAdminValues: []config.KeyValue{
		{Key: "memory_limit", Value: "32M"}, {Key: "memory_limit", Value: "64M"},
		{Key: "extension", Value: "x"}, {Key: "opcache.enable", Value: "1"}, {Key: "bad", Value: "a\n[PATH=/]"},
	}}
	d, err := Create(pool, false)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(d.Path(), fileName))
	if err != nil {
		t.Fatal(err)
	}
	if want := "[PATH=/usr]\nmemory_limit=\"64M\"\nmemory_limit=\"32M\"\n["; !strings.Contains(string(text), want) {
		t.Errorf("the file lacks %q:\n%s", want, text)
	}
	for _, unwanted := range []string{"extension", "opcache", "bad", "[PATH=/]"} {
		if strings.Contains(string(text), unwanted) {
			t.Errorf("the file has %s:\n%s", unwanted, text)
		}
	}
	info, err := os.Stat(d.Path())
	if err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("the directory has mode %v, %v", info.Mode(), err)
	}
	d.Remove()
	if _, err := os.Stat(d.Path()); !os.IsNotExist(err) {
		t.Errorf("the directory is left: %v", err)
	}
}

// In a chroot the directory is inside, and so are the sections.
func TestCreateInChroot(t *testing.T) {
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "www/sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	pool := &config.Pool{Runner: config.RunnerPHP, Chroot: root, PHPAdminValues: []config.KeyValue{{Key: "a", Value: "b"}}}
	d, err := Create(pool, true)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Remove()
	text, err := os.ReadFile(filepath.Join(root, d.Path(), fileName))
	if err != nil {
		t.Fatal(err)
	}
	if want := "/[\"a\"]=\"b\"\n[PATH=/www]\na=\"b\"\n[PATH=/.]\na=\"b\"\n[PATH=/..]\na=\"b\"\n"; string(text) != want {
		t.Errorf("got %q, want %q", text, want)
	}
}

// The directory is in the chroot's temporary one only if the pool's user can put
// nothing in its place there.
func TestParentInChroot(t *testing.T) {
	for name, test := range map[string]struct {
		make func(tmp string) error
		want string
	}{
		"none":            {func(string) error { return nil }, ""},
		"a link":          {func(tmp string) error { return os.Symlink("/tmp", tmp) }, ""},
		"ours":            {func(tmp string) error { return os.Mkdir(tmp, 0o755) }, "/tmp"},
		"everybody's":     {func(tmp string) error { return errors.Join(os.Mkdir(tmp, 0o700), os.Chmod(tmp, 0o777)) }, ""},
		"with sticky bit": {func(tmp string) error { return errors.Join(os.Mkdir(tmp, 0o700), os.Chmod(tmp, 0o777|os.ModeSticky)) }, "/tmp"},
		"another's":       {func(tmp string) error { return errors.Join(os.Mkdir(tmp, 0o700), os.Chown(tmp, 65534, 65534)) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			if err := test.make(filepath.Join(root, "tmp")); errors.Is(err, os.ErrPermission) {
				return // only root can give a directory away
			} else if err != nil {
				t.Fatal(err)
			}
			if got := parentIn(root); got != root+test.want {
				t.Errorf("got %s", got)
			}
		})
	}
}

func TestCreateNothing(t *testing.T) {
	for _, pool := range []*config.Pool{
		{Runner: config.RunnerPHP},
		{Runner: config.RunnerPHP, PHPAdminValues: []config.KeyValue{{Key: "extension", Value: "x"}}},
		{Runner: config.RunnerCGI, PHPAdminValues: []config.KeyValue{{Key: "a", Value: "b"}}},
	} {
		d, err := Create(pool, false)
		if d != nil || err != nil || d.Path() != "" {
			t.Errorf("%v: got %v, %v", pool.PHPAdminValues, d, err)
		}
		d.Remove()
	}
}

// Without its file a directory binds nothing, which is noticed.
func TestHeld(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	pool := &config.Pool{Runner: config.RunnerPHP, PHPAdminValues: []config.KeyValue{{Key: "memory_limit", Value: "99M"}}}
	d, err := Create(pool, false)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Remove()
	held := Hold(d.Path())
	if err := errors.Join(held.Check(), Hold("").Check()); err != nil {
		t.Error(err)
	}
	if err := os.Remove(filepath.Join(d.Path(), fileName)); err != nil {
		t.Fatal(err)
	}
	if err := held.Check(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v without the file", err)
	}
	if err := errors.Join(os.Remove(d.Path()), os.Mkdir(d.Path(), 0o755), os.WriteFile(filepath.Join(d.Path(), fileName), nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	if held.Check() == nil {
		t.Error("another directory is taken for it")
	}
}
