/*
 * int register_probe(void (*call)(void *), void *arg, uint64_t seed)
 * Fills all registers that a call must preserve with seed + 1, + 2, ..., calls
 * call(arg), and returns how many of them have changed.
 */
	.text
	.globl	register_probe
	.hidden	register_probe
	.type	register_probe, @function
register_probe:
	.cfi_startproc
	endbr64
	pushq	%rbp
	.cfi_adjust_cfa_offset 8
	pushq	%rbx
	.cfi_adjust_cfa_offset 8
	pushq	%r12
	.cfi_adjust_cfa_offset 8
	pushq	%r13
	.cfi_adjust_cfa_offset 8
	pushq	%r14
	.cfi_adjust_cfa_offset 8
	pushq	%r15
	.cfi_adjust_cfa_offset 8
	subq	$24, %rsp
	.cfi_adjust_cfa_offset 24
	movq	%rdx, (%rsp)
	leaq	1(%rdx), %rbx
	leaq	2(%rdx), %rbp
	leaq	3(%rdx), %r12
	leaq	4(%rdx), %r13
	leaq	5(%rdx), %r14
	leaq	6(%rdx), %r15
	movq	%rdi, %rax
	movq	%rsi, %rdi
	call	*%rax
	movq	(%rsp), %rdx
	xorl	%eax, %eax

	.macro	check reg, offset
	subq	%rdx, %\reg
	cmpq	$\offset, %\reg
	setne	%cl
	movzbl	%cl, %ecx
	addl	%ecx, %eax
	.endm

	check	rbx, 1
	check	rbp, 2
	check	r12, 3
	check	r13, 4
	check	r14, 5
	check	r15, 6
	addq	$24, %rsp
	.cfi_adjust_cfa_offset -24
	popq	%r15
	.cfi_adjust_cfa_offset -8
	popq	%r14
	.cfi_adjust_cfa_offset -8
	popq	%r13
	.cfi_adjust_cfa_offset -8
	popq	%r12
	.cfi_adjust_cfa_offset -8
	popq	%rbx
	.cfi_adjust_cfa_offset -8
	popq	%rbp
	.cfi_adjust_cfa_offset -8
	ret
	.cfi_endproc
	.size	register_probe, . - register_probe

	.section .note.GNU-stack, "", @progbits
