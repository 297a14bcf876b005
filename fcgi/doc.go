// Package fcgi speaks FastCGI 1.0, both sides of it.
//
// It has two layers. The upper one serves and sends requests over
// connections: a [Server] calls a [Handler] for each request, a [Client]
// performs requests on an application. Both stream in both directions and can
// carry several requests on one connection. A Client is itself a Handler, so
// a Server can pass requests on.
//
// The lower layer is the wire and does no I/O: a [Decoder] turns bytes into
// events, the Append functions turn records into bytes, and [NextPair] walks
// the name-value pairs of parameters. Nothing there allocates, so an event
// loop can drive it.
//
// # Responses
//
// The package does not look into a response. By the FastCGI specification
// Stdout carries what a CGI program prints: header lines, an empty line, and
// the body.
//
// # Back-pressure
//
// Reading Stdin slowly slows the web server down, and Stdout's Write waits
// for it. FastCGI cannot hold back one request of a connection without the
// others; Limits.StreamBuffer and Client.StreamBuffer say how much is held in
// memory for a slow request before the others have to wait, too.
//
// # Errors
//
// How a request ended for the protocol is an error and not lost: an
// *[EndError] has OVERLOADED, UNKNOWN_ROLE or CANT_MPX_CONN. The
// application's own exit status is a value beside it. Bytes that are not
// FastCGI are a *[ProtocolError] and cost their connection.
package fcgi
