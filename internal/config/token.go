package config

// A tokenKind is a terminal symbol of PHP's INI grammar. Operators and
// punctuation are their own byte; the named ones follow.
type tokenKind int

const (
	tokenEnd tokenKind = 0 // end of the line's text

	tokenSection tokenKind = 256 + iota
	tokenRaw
	tokenConstant
	tokenNumber
	tokenString
	tokenSpace
	tokenLabel
	tokenOffset
	tokenDollarCurly
	tokenVarname
	tokenQuoted
	tokenTrue
	tokenFalse
	tokenNull
	tokenEndOfLine
)

// tokenNames are the names PHP's parser uses in its messages.
var tokenNames = map[tokenKind]string{
	tokenEnd:         "end of file",
	tokenSection:     "TC_SECTION",
	tokenRaw:         "TC_RAW",
	tokenConstant:    "TC_CONSTANT",
	tokenNumber:      "TC_NUMBER",
	tokenString:      "TC_STRING",
	tokenSpace:       "TC_WHITESPACE",
	tokenLabel:       "TC_LABEL",
	tokenOffset:      "TC_OFFSET",
	tokenDollarCurly: "TC_DOLLAR_CURLY",
	tokenVarname:     "TC_VARNAME",
	tokenQuoted:      "TC_QUOTED_STRING",
	tokenTrue:        "BOOL_TRUE",
	tokenFalse:       "BOOL_FALSE",
	tokenNull:        "NULL_NULL",
	tokenEndOfLine:   "END_OF_LINE",
}

// String is the token's name in a syntax error.
func (k tokenKind) String() string {
	if name, ok := tokenNames[k]; ok {
		return name
	}
	return "'" + string(rune(k)) + "'"
}

// A token is one terminal symbol with the text it stands for.
type token struct {
	kind tokenKind
	text string
}
