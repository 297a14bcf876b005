package config

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// The kinds of this file are those of anyfpm's own directives.

// oneOf is a word of our own directives, whose fault names the choice.
func oneOf[T ~string](words ...T) kind[T] {
	names := make([]string, len(words))
	for i, w := range words {
		names[i] = string(w)
	}
	return word("invalid value ("+enumerate(names)+")", words...)
}

// enumerate joins words as in "a, b or c".
func enumerate(words []string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

const (
	notASize    = "invalid size (a number of bytes, or with the suffix K, M or G)"
	notAPercent = "invalid percentage (0% to 100%)"
)

// size is a number of bytes with an optional binary suffix.
var size = kind[int64]{
	name: "size",
	parse: func(s string) (int64, string) {
		shift := 0
		digits := s
		if s != "" {
			switch s[len(s)-1] {
			case 'k', 'K':
				shift = 10
			case 'm', 'M':
				shift = 20
			case 'g', 'G':
				shift = 30
			}
		}
		if shift > 0 {
			digits = s[:len(s)-1]
		}
		n, err := strconv.ParseInt(digits, 10, 64)
		if err != nil || !isDigits(digits) || n > math.MaxInt64>>shift {
			return 0, notASize
		}
		return n << shift, ""
	},
	format: func(n int64) string {
		for _, unit := range []struct {
			shift  int
			suffix string
		}{{30, "G"}, {20, "M"}, {10, "K"}} {
			if n != 0 && n&(1<<unit.shift-1) == 0 {
				return strconv.FormatInt(n>>unit.shift, 10) + unit.suffix
			}
		}
		return strconv.FormatInt(n, 10)
	},
	wrong: map[string]string{"": notASize, "-1": notASize, "1.5M": notASize, "1T": notASize, "K": notASize, "99999999999G": notASize},
}

// percent is a fraction written as a percentage.
var percent = kind[float64]{
	name: "percentage",
	parse: func(s string) (float64, string) {
		n, err := strconv.ParseFloat(strings.TrimSuffix(s, "%"), 64)
		if err != nil || !(0 <= n && n <= 100) {
			return 0, notAPercent
		}
		return n / 100, ""
	},
	format: func(f float64) string { return strconv.FormatFloat(f*100, 'g', -1, 64) + "%" },
	wrong:  map[string]string{"": notAPercent, "101%": notAPercent, "-1%": notAPercent, "ten": notAPercent, "nan": notAPercent},
}

// command is a program and its arguments in the manner of a shell: blanks
// separate, quotes and backslashes protect; nothing is expanded.
var command = kind[[]string]{
	name:     "command",
	parse:    splitWords,
	format:   joinWords,
	expands:  true,
	nullable: true,
	wrong:    map[string]string{`"a 'b"`: openQuote, `'a\'`: openEscape},
}

const (
	openQuote  = "a quote is not closed"
	openEscape = "a backslash at the end protects nothing"
)

// splitWords cuts s into words as a shell does.
func splitWords(s string) ([]string, string) {
	var words []string
	var current []byte
	inWord, quote := false, byte(0)
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '\\' && quote != '\'':
			if i++; i == len(s) {
				return nil, openEscape
			}
			if quote == '"' && s[i] != '"' && s[i] != '\\' {
				current = append(current, '\\')
			}
			current, inWord = append(current, s[i]), true
		case c == quote && quote != 0:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote, inWord = c, true
		case quote == 0 && isBlank(c):
			if inWord {
				words = append(words, string(current))
			}
			current, inWord = current[:0], false
		default:
			current, inWord = append(current, c), true
		}
	}
	if quote != 0 {
		return nil, openQuote
	}
	if inWord {
		words = append(words, string(current))
	}
	return words, ""
}

// joinWords is the inverse of splitWords.
func joinWords(words []string) string {
	quoted := slices.Clone(words)
	for i, w := range quoted {
		if w == "" || strings.ContainsAny(w, " \t\"'\\") {
			quoted[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}
