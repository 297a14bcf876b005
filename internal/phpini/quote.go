package phpini

import "strings"

// Quote makes value one string for PHP's INI scanner, which would take the
// operators, comments and ${NAME} in it for its own.
func Quote(value string) string {
	var quoted strings.Builder
	quoted.WriteByte('"')
	for i := range len(value) {
		switch c := value[i]; c {
		case '"', '\\':
			quoted.WriteByte('\\')
			quoted.WriteByte(c)
		case '$': // no escape keeps it, but strings side by side are one
			quoted.WriteString(`"'$'"`)
		default:
			quoted.WriteByte(c)
		}
	}
	quoted.WriteByte('"')
	return quoted.String()
}
