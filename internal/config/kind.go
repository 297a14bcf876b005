package config

import (
	"strconv"
	"strings"
	"time"
)

// A kind is a type of directive values: how it is written, read and dumped.
type kind[T any] struct {
	name   string // as the reference calls it
	parse  func(text string) (value T, fault string)
	format func(T) string // as the dump of -tt writes it
	// expands says that $pool is replaced in the text.
	expands bool
	// nullable says that an absent value is dumped as "undefined".
	nullable bool
	// wrong holds texts that parse must refuse, with the fault it must give.
	wrong map[string]string
}

// The faults php-fpm has for values.
const (
	notANumber     = "is not a valid number (greater or equal than zero)"
	notATime       = "invalid time value"
	notATimeSuffix = "unknown suffix used in time value"
	notABoolean    = "invalid boolean value"
)

var integer = kind[int]{
	name: "integer",
	parse: func(s string) (int, string) {
		if !isInteger(s) {
			return 0, notANumber
		}
		return int(atoi(s)), ""
	},
	format: strconv.Itoa,
	wrong:  map[string]string{"x": notANumber, "1.5": notANumber, "10M": notANumber, "0x10": notANumber, "--1": notANumber},
}

// priority is an integer that may be absent, which php-fpm keeps as 64.
var priority = kind[*int]{
	name: "integer",
	parse: func(s string) (*int, string) {
		n, fault := integer.parse(s)
		if fault != "" || n == 64 {
			return nil, fault
		}
		return &n, ""
	},
	format: func(p *int) string {
		if p == nil {
			return "undefined"
		}
		return strconv.Itoa(*p)
	},
	wrong: integer.wrong,
}

var seconds = kind[time.Duration]{
	name:   "time",
	parse:  parseTime,
	format: func(d time.Duration) string { return strconv.Itoa(int(d/time.Second)) + "s" },
	wrong:  map[string]string{"": notATime, "10x": notATimeSuffix, "5w": notATimeSuffix, "1 y": notATimeSuffix},
}

// ownSeconds is the time of directives that php-fpm does not have: what its
// rules would take for something else than is written is refused.
var ownSeconds = kind[time.Duration]{
	name: seconds.name,
	parse: func(s string) (time.Duration, string) {
		number, unit, fault := splitTime(s)
		if fault != "" {
			return 0, fault
		}
		n, err := strconv.ParseInt(number, 10, 32)
		n *= int64(unit)
		if err != nil || n != int64(int32(n)) {
			return 0, notATime
		}
		return time.Duration(n) * time.Second, ""
	},
	format: seconds.format,
	wrong: map[string]string{
		"": notATime, "10x": notATimeSuffix, "5w": notATimeSuffix, "s": notATime, "100000d": notATime, "-99999d": notATime,
		"500ms": notATime, "1m30s": notATime, "1.5s": notATime,
	},
}

// parseTime reads a number of seconds, minutes, hours or days in php-fpm's
// 32-bit arithmetic.
func parseTime(s string) (time.Duration, string) {
	number, unit, fault := splitTime(s)
	return time.Duration(unit*atoi(number)) * time.Second, fault
}

// splitTime takes the suffix off a time, which is seconds without one.
func splitTime(s string) (number string, unit int32, fault string) {
	if s == "" {
		return "", 0, notATime
	}
	last := s[len(s)-1]
	number = s[:len(s)-1]
	switch last {
	case 's':
		return number, 1, ""
	case 'm':
		return number, 60, ""
	case 'h':
		return number, 60 * 60, ""
	case 'd':
		return number, 24 * 60 * 60, ""
	}
	if !isDigit(last) {
		return "", 0, notATimeSuffix
	}
	return s, 1, ""
}

var boolean = kind[bool]{
	name: "boolean",
	parse: func(s string) (bool, string) {
		switch s {
		case "1", "yes", "true", "on":
			return true, ""
		case "", "0", "no", "none", "false", "off":
			return false, ""
		}
		return false, notABoolean
	},
	format: func(b bool) string {
		if b {
			return "yes"
		}
		return "no"
	},
	wrong: map[string]string{"2": notABoolean, "y": notABoolean, `"Yes"`: notABoolean, "enabled": notABoolean},
}

var text = kind[string]{
	name:     "string",
	parse:    func(s string) (string, string) { return s, "" },
	format:   func(s string) string { return s },
	expands:  true,
	nullable: true,
}

// word is one of a few words in any case; fault is what is said of another.
func word[T ~string](fault string, words ...T) kind[T] {
	return kind[T]{
		name: "word",
		parse: func(s string) (T, string) {
			for _, w := range words {
				if strings.EqualFold(s, string(w)) {
					return w, ""
				}
			}
			return "", fault
		},
		format: func(w T) string { return string(w) },
		wrong:  map[string]string{"": fault, "bogus": fault, `"` + string(words[0]) + ` "`: fault},
	}
}

const notALevel = "invalid value for 'log_level'"

var logLevel = func() kind[string] {
	k := word(notALevel, "debug", "notice", "warning", "error", "alert")
	levels := k.parse
	k.parse = func(s string) (string, string) {
		if strings.EqualFold(s, "warn") {
			s = "warning"
		}
		return levels(s)
	}
	return k
}()

// facilities are syslog's, as <syslog.h> numbers them.
var facilities = map[string]int{
	"KERN": 0 << 3, "USER": 1 << 3, "MAIL": 2 << 3, "DAEMON": 3 << 3, "AUTH": 4 << 3, "SYSLOG": 5 << 3,
	"LPR": 6 << 3, "NEWS": 7 << 3, "UUCP": 8 << 3, "CRON": 9 << 3, "AUTHPRIV": 10 << 3, "FTP": 11 << 3,
	"LOCAL0": 16 << 3, "LOCAL1": 17 << 3, "LOCAL2": 18 << 3, "LOCAL3": 19 << 3,
	"LOCAL4": 20 << 3, "LOCAL5": 21 << 3, "LOCAL6": 22 << 3, "LOCAL7": 23 << 3,
}

var facility = kind[int]{
	name: "word",
	parse: func(s string) (int, string) {
		if n, ok := facilities[strings.ToUpper(s)]; ok {
			return n, ""
		}
		return 0, "invalid value"
	},
	format: strconv.Itoa,
	wrong:  map[string]string{"": "invalid value", "LOG_DAEMON": "invalid value", "3": "invalid value"},
}

const notACoreLimit = "must be greater than zero or 'unlimited'"

var coreLimit = kind[int]{
	name: "integer or unlimited",
	parse: func(s string) (int, string) {
		if strings.EqualFold(s, "unlimited") {
			return -1, ""
		}
		n, fault := integer.parse(s)
		if fault == "" && n < 0 {
			return 0, notACoreLimit
		}
		return n, fault
	},
	format: strconv.Itoa,
	wrong:  map[string]string{"-1": notACoreLimit, "infinity": notANumber},
}

// separated is a string of words with separators between them; php-fpm keeps
// and dumps it as it is written.
func separated(separators string) kind[[]string] {
	return kind[[]string]{
		name: "list",
		parse: func(s string) ([]string, string) {
			return strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(separators, r) }), ""
		},
		format:   func(words []string) string { return strings.Join(words, separators[:1]) },
		expands:  true,
		nullable: true,
	}
}
