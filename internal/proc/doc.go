// Package proc starts processes and notices their end.
//
// A [Starter] runs programs, fast and with errors that explain themselves. A [Reaper] waits for every child of the process, those
// it started and the orphans it inherits as a subreaper, and reports each exit
// once. Around them are the things a supervisor does to itself: giving up
// privileges for good, limits, its title.
//
// It is the only package of the project that starts processes.
package proc
