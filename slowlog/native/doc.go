// Package native reads the native stack of a thread that is blocked, without
// stopping it and without debug information.
//
// Linux tells the stack pointer and the program counter of a thread that is in
// a system call. From there on the call frame information that every object
// carries for exceptions (.eh_frame) says where each caller's frame is. It is
// mapped, and so is the table of the symbols an object exports; the names of
// other functions come from the file, if it is there and the same.
//
// The parts: table.go finds the entry for an address, entry.go decodes it,
// rules.go runs it, expression.go evaluates the rare rule that is a program of
// its own, and unwinder.go goes from frame to frame. Everything is read from
// the process and bounded; what cannot be understood ends the stack with a
// word about why.
package native
