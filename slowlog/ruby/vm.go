package ruby

import (
	"github.com/anyfpm/anyfpm/internal/procmem"
	"github.com/anyfpm/anyfpm/slowlog/stack"
)

// pointer is the variable that holds the address of the virtual machine.
const pointer = "ruby_current_vm_ptr"

// users are exported functions that look at the virtual machine first of all.
var users = []string{"rb_during_gc", "rb_gc_count", "rb_thread_main"}

// codeLength is how much of such a function is looked at.
const codeLength = 64

// findVM returns the address of the variable that holds the virtual machine's.
// Distributions' builds from 3.3 on do not export it: then the addresses that
// the code of its users mentions are tried, and the one taken that leads to a
// virtual machine.
func (s *sampler) findVM(m *procmem.Memory, o stack.Object) (uint64, error) {
	if v, ok := o.Lookup(m, pointer); ok {
		return v.Addr, nil
	}
	for _, user := range users {
		function, ok := o.Lookup(m, user)
		if !ok {
			continue
		}
		code := procmem.NewReader(m).Bytes(function.Addr, codeLength)
		for _, candidate := range addressesIn(o.Machine, code, function.Addr) {
			r := procmem.NewReader(m)
			for _, variable := range []uint64{candidate, r.U64(candidate)} { // itself, or through the GOT
				if s.leadsToVM(procmem.NewReader(m), variable) {
					return variable, nil
				}
			}
		}
	}
	return 0, &stack.UnsupportedError{
		Runtime: name, Version: s.version,
		Reason: "this build does not export " + pointer + " and it was not found; it may be starting",
	}
}

// leadsToVM reports whether the structures behind a variable point back at
// each other as a virtual machine, its main thread and that thread's context
// do.
func (s *sampler) leadsToVM(r *procmem.Reader, variable uint64) bool {
	vm := r.U64(variable)
	thread := r.U64(vm + s.mainThread)
	return s.isThread(r, thread, vm) && r.Err() == nil
}

// isThread reports whether there is a thread of a virtual machine.
func (s *sampler) isThread(r *procmem.Reader, thread, vm uint64) bool {
	return thread != 0 && r.U64(thread+s.threadVM) == vm &&
		r.U64(r.U64(thread+s.threadEC)+s.ecThread) == thread && r.Err() == nil
}
