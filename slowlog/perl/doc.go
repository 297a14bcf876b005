// Package perl reads the Perl stack of a perl process, 5.26 to 5.42, out of
// its memory.
//
// perl keeps a stack of contexts (PERL_CONTEXT) for each stack it runs on: the
// main one, and one more for a sort block, a tied variable, a signal handler
// or a require. The walk goes down the contexts of the current stack, takes
// those that are subroutines, formats and evals, and goes on with the stack
// below. Each context holds the statement (COP) that was being run when it
// was entered, which has the file and the line.
//
// With threads (as all distributions build it) an interpreter is a structure;
// the first one is walked, which is the right one for a worker. Without, it
// is global variables.
package perl
