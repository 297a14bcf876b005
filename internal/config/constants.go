package config

// phpConstants are the constants of PHP that an unquoted word of a value may
// name, as far as they do not depend on the PHP that is installed;
// Options.Constants adds others.
var phpConstants = map[string]string{
	"E_ERROR":             "1",
	"E_WARNING":           "2",
	"E_PARSE":             "4",
	"E_NOTICE":            "8",
	"E_CORE_ERROR":        "16",
	"E_CORE_WARNING":      "32",
	"E_COMPILE_ERROR":     "64",
	"E_COMPILE_WARNING":   "128",
	"E_USER_ERROR":        "256",
	"E_USER_WARNING":      "512",
	"E_USER_NOTICE":       "1024",
	"E_STRICT":            "2048",
	"E_RECOVERABLE_ERROR": "4096",
	"E_DEPRECATED":        "8192",
	"E_USER_DEPRECATED":   "16384",
	"E_ALL":               "32767",
	"PHP_OS":              "Linux",
	"PHP_OS_FAMILY":       "Linux",
	"PHP_EOL":             "\n",
	"PHP_INT_MAX":         "9223372036854775807",
	"PHP_INT_MIN":         "-9223372036854775808",
	"PHP_INT_SIZE":        "8",
	"PHP_MAXPATHLEN":      "4096",
	"DIRECTORY_SEPARATOR": "/",
	"PATH_SEPARATOR":      ":",
}
