package accesslog

import (
	"strconv"
	"time"
)

// appendTime appends t as strftime(3) does in the C locale. A conversion that
// does not exist is copied; flags and widths, extensions of glibc, do not.
func appendTime(dst []byte, t time.Time, format string) []byte {
	for i := 0; i < len(format); i++ {
		c := format[i]
		if c != '%' || i+1 == len(format) {
			dst = append(dst, c)
			continue
		}
		start := i
		i++
		if c = format[i]; (c == 'E' || c == 'O') && i+1 < len(format) {
			i++ // alternative forms are the same in the C locale
			c = format[i]
		}
		var ok bool
		if dst, ok = appendConversion(dst, t, c); !ok {
			dst = append(dst, format[start:i+1]...)
		}
	}
	return dst
}

// layouts are the conversions that package time has as well.
var layouts = map[byte]string{ //nolint:gochecknoglobals // a table, never changed
	'a': "Mon", 'A': "Monday", 'b': "Jan", 'B': "January", 'h': "Jan",
	'c': "Mon Jan _2 15:04:05 2006", 'd': "02", 'D': "01/02/06", 'e': "_2", 'F': "2006-01-02",
	'H': "15", 'I': "03", 'j': "002", 'm': "01", 'M': "04", 'p': "PM", 'P': "pm",
	'r': "03:04:05 PM", 'R': "15:04", 'S': "05", 'T': "15:04:05", 'x': "01/02/06", 'X': "15:04:05",
	'y': "06", 'Y': "2006", 'z': "-0700", 'Z': "MST",
}

func appendConversion(dst []byte, t time.Time, c byte) (out []byte, ok bool) {
	if layout, ok := layouts[c]; ok {
		return t.AppendFormat(dst, layout), true
	}
	switch c {
	case '%':
		return append(dst, '%'), true
	case 'n':
		return append(dst, `\x0A`...), true // a line stays one line
	case 't':
		return append(dst, '\t'), true
	case 'C':
		return appendPadded(dst, t.Year()/100, 2, '0'), true
	case 'g':
		year, _ := t.ISOWeek()
		return appendPadded(dst, year%100, 2, '0'), true
	case 'G':
		year, _ := t.ISOWeek()
		return strconv.AppendInt(dst, int64(year), 10), true
	case 'k':
		return appendPadded(dst, t.Hour(), 2, ' '), true
	case 'l':
		return appendPadded(dst, (t.Hour()+11)%12+1, 2, ' '), true
	case 's':
		return strconv.AppendInt(dst, t.Unix(), 10), true
	case 'u':
		return strconv.AppendInt(dst, int64((t.Weekday()+6)%7+1), 10), true
	case 'U':
		return appendPadded(dst, (t.YearDay()+6-int(t.Weekday()))/7, 2, '0'), true
	case 'V':
		_, week := t.ISOWeek()
		return appendPadded(dst, week, 2, '0'), true
	case 'w':
		return strconv.AppendInt(dst, int64(t.Weekday()), 10), true
	case 'W':
		return appendPadded(dst, (t.YearDay()+6-int(t.Weekday()+6)%7)/7, 2, '0'), true
	}
	return dst, false
}

func appendPadded(dst []byte, n, width int, pad byte) []byte {
	for limit := 10; width > 1; width-- {
		if n < limit {
			dst = append(dst, pad)
		}
		limit *= 10
	}
	return strconv.AppendInt(dst, int64(n), 10)
}
