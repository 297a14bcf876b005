// Package golang reads the goroutines of a Go program out of its memory,
// without stopping it.
//
// The threads of a Go program say nothing of what it does; its goroutines are
// in runtime.allgs. Where the fields of a goroutine are is in the program's
// debug information, and functions and lines are in its own table (pclntab).
// The program must have been built with both, as go build does: one that was
// linked with -s or -w cannot be read in this way.
//
// Goroutines that wait have their registers saved and are walked by their
// frame pointers. Of one that runs only its existence is known. Goroutines
// that are at the same place are one stack with a count.
package golang
