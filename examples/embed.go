// Package examples carries the quickstart inside the binary, for "anyfpm run"
// outside of the source tree.
package examples

import "embed"

// Quickstart holds the files of quickstart/, without their modes.
//
//go:embed quickstart
var Quickstart embed.FS
