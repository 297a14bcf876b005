// Package control is what the master and its supervisors say to each other:
// typed messages, framed as JSON, with file descriptors attached, over one
// unix stream socket per supervisor.
//
// A frame is a header of eight bytes, the length of the body and the number
// of attached descriptors as big-endian uint32, and a body of JSON,
// {"type": …, "body": …}. The descriptors travel with the header.
//
// The end of the stream is a message as well: it tells a supervisor that its
// master is gone and a master that its supervisor is.
//
// Neither side trusts the other further than it must. Everything received is
// bounded before it is stored, a message of an unknown type is an [Unknown]
// and not an error, so that two versions of the program can talk while one
// replaces the other, and descriptors nobody expects are closed.
package control
