package config

import "strings"

// A lexRule is one pattern of a lexer state and what is done with its match.
type lexRule struct {
	match  func(rest string) int
	action lexAction
}

// A lexAction turns matched text into a token; false means that the text is
// skipped.
type lexAction func(lx *lexer, text string) (token, bool)

// lexRules holds the rules of each state in the order that breaks ties.
var lexRules = [...][]lexRule{
	lexInitial: {
		{matchByte('['), enter(lexSection, tokenSection)},
		{matchOffset, enterOffset},
		{matchWords("true", "on", "yes"), constant(tokenTrue, "1")},
		{matchWords("false", "off", "no", "none"), constant(tokenFalse, "")},
		{matchWords("null"), constant(tokenNull, "")},
		{matchLabel, trimmed(tokenLabel)},
		{matchEquals, enter(lexValue, '=')},
		{matchOneOf(":,.[]\"'()&|^+-/*=%$!~<>?@{}"), itself},
		{matchBlanks, skip},
		{matchNewline, endOfLine},
		{matchComment, endOfLine},
	},
	lexValue: {
		{matchRaw, raw},
		{matchDollarCurly, within(lexVarname, tokenDollarCurly)},
		{matchWords("true", "on", "yes"), constant(tokenTrue, "1")},
		{matchWords("false", "off", "no", "none"), constant(tokenFalse, "")},
		{matchWords("null"), constant(tokenNull, "")},
		{matchNewline, endOfLine},
		{matchConstant, verbatim(tokenConstant)},
		{matchNumber, verbatim(tokenNumber)},
		{matchOperator, itself},
		{matchByte('='), secondEquals},
		{matchValue, verbatim(tokenString)},
		{matchQuote, within(lexQuotes, '"')},
		{matchBlanks, verbatim(tokenSpace)},
		{matchComment, endOfLine},
	},
	lexSection: {
		{matchRaw, raw},
		{matchSectionEnd, enter(lexInitial, ']')},
		{matchDollarCurly, within(lexVarname, tokenDollarCurly)},
		{matchConstant, verbatim(tokenConstant)},
		{matchNumber, verbatim(tokenNumber)},
		{matchSection, verbatim(tokenString)},
		{matchQuote, within(lexQuotes, '"')},
		{matchBlanks, verbatim(tokenSpace)},
	},
	lexOffset: {
		{matchRaw, raw},
		{matchOffsetEnd, enter(lexInitial, ']')},
		{matchDollarCurly, within(lexVarname, tokenDollarCurly)},
		{matchConstant, verbatim(tokenConstant)},
		{matchNumber, verbatim(tokenNumber)},
		{matchSection, verbatim(tokenString)},
		{matchQuote, within(lexQuotes, '"')},
		{matchBlanks, verbatim(tokenSpace)},
	},
	lexVarname: {
		{matchLabel, trimmed(tokenVarname)},
		{matchByte('}'), leave('}')},
	},
	lexQuotes: {
		{matchDollarCurly, within(lexVarname, tokenDollarCurly)},
		{matchQuoteEnd, leave('"')},
		{matchQuoted, quoted},
	},
}

// verbatim makes a token of the matched text.
func verbatim(kind tokenKind) lexAction {
	return func(_ *lexer, text string) (token, bool) { return token{kind, text}, true }
}

// trimmed makes a token of the matched text without the blanks around it.
func trimmed(kind tokenKind) lexAction {
	return func(_ *lexer, text string) (token, bool) { return token{kind, strings.Trim(text, " \t\r\n")}, true }
}

// constant makes a token whose text does not depend on the spelling.
func constant(kind tokenKind, text string) lexAction {
	return func(*lexer, string) (token, bool) { return token{kind, text}, true }
}

// enter replaces the lexer's state.
func enter(state lexState, kind tokenKind) lexAction {
	return func(lx *lexer, _ string) (token, bool) {
		lx.state = state
		return token{kind: kind}, true
	}
}

// within enters a state that leave ends.
func within(state lexState, kind tokenKind) lexAction {
	return func(lx *lexer, _ string) (token, bool) {
		lx.push(state)
		return token{kind: kind}, true
	}
}

func leave(kind tokenKind) lexAction {
	return func(lx *lexer, _ string) (token, bool) {
		lx.pop()
		return token{kind: kind}, true
	}
}

// itself makes the token that a single byte is.
func itself(_ *lexer, text string) (token, bool) { return token{kind: tokenKind(text[0])}, true }

func skip(*lexer, string) (token, bool) { return token{}, false }

func endOfLine(lx *lexer, _ string) (token, bool) {
	lx.state = lexInitial
	return token{kind: tokenEndOfLine}, true
}

// secondEquals ends the value before a further '=', which then is a syntax
// error of the next statement.
func secondEquals(lx *lexer, _ string) (token, bool) {
	lx.pos--
	lx.state = lexInitial
	return token{kind: tokenEndOfLine}, true
}

func enterOffset(lx *lexer, text string) (token, bool) {
	lx.state = lexOffset
	name := strings.TrimRight(text, " \t\r\n[")
	return token{tokenOffset, strings.TrimLeft(name, " \t")}, true
}

func raw(_ *lexer, text string) (token, bool) { return token{tokenRaw, text[1 : len(text)-1]}, true }

func quoted(_ *lexer, text string) (token, bool) { return token{tokenQuoted, unescape(text)}, true }
