// Package cpython reads the Python stacks of a CPython process, 3.7 to 3.14,
// out of its memory.
//
// The walk is _PyRuntime, its interpreters, their threads, the frames of each
// thread and the code object of each frame, whose line table gives the line
// (line.go). Where the fields are is a table up to 3.12 (offsets.go) and
// stated by the process itself from 3.13 on (selfdescribed.go). What a pointer
// leads to is believed only if it has the type it should have: PyCode_Type,
// PyUnicode_Type and PyFrame_Type are exported symbols.
//
// Free-threaded builds are refused: their frames move under other rules.
package cpython
