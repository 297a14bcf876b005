package phpini

import (
	"slices"
	"strings"

	"github.com/anyfpm/anyfpm/internal/config"
)

// atStart are the entries that PHP takes at its start only. No script can
// change them, and set again for each request some of them warn or read their
// file anew.
var atStart = []string{ //nolint:gochecknoglobals // a table, never changed
	"browscap", "disable_classes", "disable_functions", "extension", "zend_extension",
}

// binding returns the entries that need a section to be binding.
func binding(values []config.KeyValue) []config.KeyValue {
	return slices.DeleteFunc(slices.Clone(values), func(v config.KeyValue) bool {
		return slices.Contains(atStart, v.Key) || strings.HasPrefix(v.Key, "opcache.") || !safe(v.Key+v.Value)
	})
}

// sections appends an ini file that binds values in all of dirs and in the root
// itself. Of two entries for one key the first counts, as in php-fpm.
//
// PHP finds a section by the name of a directory, and a section that would be
// called / is left without a name; but an array of that name is the same to it.
func sections(dst []byte, dirs []string, values []config.KeyValue) []byte {
	for _, v := range slices.Backward(values) {
		dst = append(dst, "/["+Quote(v.Key)+"]="+Quote(v.Value)+"\n"...)
	}
	// PHP compares the path of a script as the client has it, be it /./srv/x.php.
	for _, dir := range append(slices.Clip(dirs), "/.", "/..") {
		dst = append(dst, "[PATH="+dir+"]\n"...)
		for _, v := range slices.Backward(values) {
			dst = append(dst, v.Key+"="+Quote(v.Value)+"\n"...)
		}
	}
	return dst
}

// safe reports whether s can stand in a line of an ini file.
func safe(s string) bool { return !strings.ContainsAny(s, "\x00\n\r") }
