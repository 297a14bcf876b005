package native

import "github.com/ianlancetaylor/demangle"

const (
	// maxMangled bounds the names that are demangled: what they nest is as deep.
	maxMangled = 2048
	// maxDemangled is the power of two that bounds what becomes of them, which
	// can be much longer.
	maxDemangled = 10
)

// plain returns the name of a C++ or Rust function as it is in the source,
// without its parameters, and any other name as it is.
func plain(symbol string) string {
	if len(symbol) > maxMangled {
		return symbol
	}
	return demangle.Filter(symbol, demangle.NoParams, demangle.MaxLength(maxDemangled))
}
