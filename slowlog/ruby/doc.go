// Package ruby reads the Ruby stacks of a Ruby process, 2.5 to 3.4, out of its
// memory.
//
// The walk is the virtual machine, its threads, the execution context of each
// and the array of control frames in that. A frame of Ruby code leads to an
// instruction sequence, which has the label, the path and the line table
// (line.go); a frame of a C function has only a mark, and its caller's line.
//
// Where the virtual machine is, a build either exports or not. Where it does
// not, an exported function that must look there is asked (vm.go), and what
// it says is believed only if the structures point back at each other.
package ruby
