// Package usage tells what a process of ours uses: CPU time, memory, and
// whether the kernel has killed one for lack of it.
//
// What is asked of a pool's event loop ([CPU], [UserCPU], [RSS], [OOM]) costs
// microseconds, waits for nothing and does not allocate. [ReadMemory] walks the
// page tables of the process and belongs on a goroutine of its own.
package usage
