// Package golden makes random programs that say where they are and then block
// there, for every language the slow log reads. What a sampler finds must be
// what the program said, name for name and line for line.
//
// It is used by tests only.
package golden
