// Package elfmem reads ELF objects out of a process's memory: where a symbol
// is, which symbol is at an address, and where the unwind table lies.
//
// No file is opened. What the dynamic linker needs at run time is mapped in
// every process and survives stripping, so a chroot, a container, a renamed,
// a deleted and an upgraded binary make no difference.
//
// Objects are 64-bit and little-endian. Everything read is bounded: a hostile
// process gets an error or a symbol that is not there, never a long walk.
package elfmem
