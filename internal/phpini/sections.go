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

// sections appends an ini file that binds values in all of dirs. Of two
// entries for one key the first counts, as in php-fpm.
func sections(dst []byte, dirs []string, values []config.KeyValue) []byte {
	for _, dir := range dirs {
		dst = append(dst, "[PATH="...)
		dst = append(dst, dir...)
		dst = append(dst, "]\n"...)
		for _, v := range slices.Backward(values) {
			dst = append(dst, v.Key...)
			dst = append(dst, '=')
			dst = append(dst, Quote(v.Value)...)
			dst = append(dst, '\n')
		}
	}
	return dst
}

// safe reports whether s can stand in a line of an ini file.
func safe(s string) bool { return !strings.ContainsAny(s, "\x00\n\r") }
