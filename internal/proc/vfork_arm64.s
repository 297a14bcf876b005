#include "textflag.h"

#define SYS_exit	93
#define SYS_rt_sigprocmask	135
#define SYS_execve	221
#define SYS_clone3	435
#define SIG_SETMASK	2

// Offsets in birth and step; vfork_asm.go holds them to what they are.
#define birth_size	88 // of the clone arguments
#define birth_all	88
#define birth_mask	96
#define birth_errno	104
#define step_size	48
#define step_want	40

// func vfork(b *birth, steps *step) uintptr
//
// No call and no push: parent and child have one stack.
TEXT ·vfork(SB), NOSPLIT|NOFRAME, $0-24
	MOVD	b+0(FP), R9
	MOVD	steps+8(FP), R10

	MOVD	$SIG_SETMASK, R0
	ADD	$birth_all, R9, R1
	ADD	$birth_mask, R9, R2
	MOVD	$8, R3
	MOVD	$SYS_rt_sigprocmask, R8
	SVC

	MOVD	R9, R0
	MOVD	$birth_size, R1
	MOVD	$SYS_clone3, R8
	SVC
	CBZ	R0, child

	MOVD	R0, R10
	MOVD	$SIG_SETMASK, R0
	ADD	$birth_mask, R9, R1
	MOVD	$0, R2
	MOVD	$8, R3
	MOVD	$SYS_rt_sigprocmask, R8
	SVC
	MOVD	R10, ret+16(FP)
	RET

child:
	MOVD	0(R10), R8
	MOVD	8(R10), R0
	MOVD	16(R10), R1
	MOVD	24(R10), R2
	MOVD	32(R10), R3
	MOVD	$0, R4
	MOVD	$0, R5
	SVC
	MOVD	0(R10), R11
	CMP	$SYS_execve, R11 // there is no way back but an error
	BEQ	failed
	MOVD	step_want(R10), R11
	ADD	$step_size, R10
	CMN	$1, R11 // anyResult
	BEQ	child
	CMN	$2, R11 // noError
	BEQ	check
	CMP	R11, R0
	BEQ	child
	MOVD	$-3, R0 // ESRCH
	B	failed
check:
	CMN	$4095, R0
	BLO	child
failed:
	NEG	R0, R0
	MOVD	R0, birth_errno(R9)
	MOVD	$253, R0
	MOVD	$SYS_exit, R8
	SVC
	BRK	$0
