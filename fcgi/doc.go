// Package fcgi speaks FastCGI 1.0, both sides of it.
//
// It has two layers. The lower one is the wire and does no I/O: a [Decoder]
// turns bytes into events, the Append functions turn records into bytes, and
// [NextPair] walks the name-value pairs of parameters. Nothing there
// allocates, so an event loop can drive it.
package fcgi
