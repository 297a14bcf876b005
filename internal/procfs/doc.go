// Package procfs reads what Linux says of a process under /proc: its state,
// its mappings, its threads and children, the system call each thread is in,
// and what is behind a descriptor.
//
// A [FS] reads a mounted proc file system or a directory that looks like one,
// so that everything here is tested without a live process. What a process
// can make large - its command line, its mappings - is read up to a bound.
package procfs

//go:generate go run ./internal/sysgen
