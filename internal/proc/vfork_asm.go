//go:build amd64 || arm64

package proc

import "unsafe"

// canVfork: there is a vfork for this architecture.
const canVfork = true

// vfork makes a child by clone3 that takes the steps, of which the last is
// execve, with all signals blocked from before its birth. It returns what
// clone3 returned to the parent, with CLONE_VFORK after the child's exec or
// exit. A step that fails ends the child and leaves the error in b.errno.
//
// It is in assembly from end to end because the child shares the parent's
// memory and stack: whatever Go code the child ran could overwrite what the
// parent returns to, and move its stack. The child touches no stack, so that
// the parent need not wait for it.
func vfork(b *birth, steps *step) uintptr

// The assembly knows where things lie.
var (
	_ [0]struct{} = [unsafe.Offsetof(birth{}.all) - 88]struct{}{}
	_ [0]struct{} = [unsafe.Offsetof(birth{}.mask) - 96]struct{}{}
	_ [0]struct{} = [unsafe.Offsetof(birth{}.errno) - 104]struct{}{}
	_ [0]struct{} = [unsafe.Sizeof(step{}) - 48]struct{}{}
	_ [0]struct{} = [unsafe.Offsetof(step{}.want) - 40]struct{}{}
)
