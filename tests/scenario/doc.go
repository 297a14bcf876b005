// Package scenario runs the real binary, and a request straight to its
// sockets, through what operators and scripts do to it. It needs a C compiler,
// python3, perl and a shell, no web server.
//
// The scenarios are built with the tag integration: make test-scenarios.
package scenario
