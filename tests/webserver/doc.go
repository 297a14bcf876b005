// Package webserver runs the real binary behind the system's nginx, on unix
// and TCP sockets, with and without kept connections, as it is deployed.
//
// The scenarios are built with the tag integration: make test-scenarios.
package webserver
