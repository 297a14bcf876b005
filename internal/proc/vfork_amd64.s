#include "textflag.h"

#define SYS_rt_sigprocmask	14
#define SYS_exit	60
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
	MOVQ	b+0(FP), R12
	MOVQ	steps+8(FP), R13

	MOVQ	$SIG_SETMASK, DI
	LEAQ	birth_all(R12), SI
	LEAQ	birth_mask(R12), DX
	MOVQ	$8, R10
	MOVQ	$SYS_rt_sigprocmask, AX
	SYSCALL

	MOVQ	R12, DI
	MOVQ	$birth_size, SI
	MOVQ	$SYS_clone3, AX
	SYSCALL
	TESTQ	AX, AX
	JZ	child

	MOVQ	AX, R13
	MOVQ	$SIG_SETMASK, DI
	LEAQ	birth_mask(R12), SI
	XORL	DX, DX
	MOVQ	$8, R10
	MOVQ	$SYS_rt_sigprocmask, AX
	SYSCALL
	MOVQ	R13, ret+16(FP)
	RET

child:
	MOVQ	0(R13), AX
	MOVQ	8(R13), DI
	MOVQ	16(R13), SI
	MOVQ	24(R13), DX
	MOVQ	32(R13), R10
	XORL	R8, R8
	XORL	R9, R9
	SYSCALL
	CMPQ	0(R13), $59 // execve: there is no way back but an error
	JEQ	failed
	MOVQ	step_want(R13), BX
	ADDQ	$step_size, R13
	CMPQ	BX, $-1 // anyResult
	JEQ	child
	CMPQ	BX, $-2 // noError
	JEQ	check
	CMPQ	AX, BX
	JEQ	child
	MOVQ	$-3, AX // ESRCH
	JMP	failed
check:
	CMPQ	AX, $-4095
	JCS	child
failed:
	NEGQ	AX
	MOVQ	AX, birth_errno(R12)
	MOVQ	$253, DI
	MOVQ	$SYS_exit, AX
	SYSCALL
	INT	$3
