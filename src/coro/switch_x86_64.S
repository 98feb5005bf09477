/*
 * Where a coroutine begins on x86-64 (System V ABI). And the switch that goes
 * on in a caller, which no C can express. The property note at the end does
 * not claim shadow stacks: a switch would have to change them too.
 */

#define BACK 0 /* of struct coro_thread */
#define MXCSR_CONTROL 0xffc0

	.text

/*
 * The outermost frame of every coroutine, jumped to with what is new in its
 * struct coro_frame on the stack. Unwinders end here: the return address is
 * undefined, the frame pointer zero.
 */
	.globl	coro_trampoline
	.hidden	coro_trampoline
	.type	coro_trampoline, @function
	.p2align 4
coro_trampoline:
	.cfi_startproc
	.cfi_undefined %rip
	.cfi_undefined %rbp
	endbr64
	xorl	%ebp, %ebp
	movq	%rax, %rdi
	popq	%rsi
	popq	%rdx
	/* Entered by a jump, for what coro_begin says of calls and returns. */
	leaq	1f(%rip), %rcx
	pushq	%rcx
	jmp	coro_begin
1:	call	coro_returned
	ud2
	.cfi_endproc
	.size	coro_trampoline, . - coro_trampoline

/*
 * int coro_swap_last(void **save, void *load, struct coro_thread *t,
 *                    coro_over *over)
 * The switch itself is that of coro_swap.
 */
	.globl	coro_swap_last
	.hidden	coro_swap_last
	.type	coro_swap_last, @function
	.p2align 4
coro_swap_last:
	.cfi_startproc
	endbr64
	pushq	%rbp
	.cfi_def_cfa_offset 16
	.cfi_rel_offset %rbp, 0
	movq	%rsp, %rbp
	.cfi_def_cfa_register %rbp
	pushq	%r15
	.cfi_offset %r15, -24
	pushq	%r14
	.cfi_offset %r14, -32
	pushq	%r13
	.cfi_offset %r13, -40
	pushq	%r12
	.cfi_offset %r12, -48
	pushq	%rcx
	movq	8(%rbp), %rax
	movq	%rax, BACK(%rdx)
	movq	%rdx, %rax

	leaq	1f(%rip), %rcx
	pushq	%rcx
	pushq	%rbp
	pushq	%rbx
	subq	$8, %rsp
	stmxcsr	(%rsp)
	fnstcw	4(%rsp)
	movl	(%rsp), %ecx
	movzwl	4(%rsp), %r8d
	movq	%rsp, (%rdi)
	movq	%rsi, %rsp
	xorl	(%rsp), %ecx
	testl	$MXCSR_CONTROL, %ecx
	jne	3f
2:	cmpw	4(%rsp), %r8w
	jne	4f
5:	addq	$8, %rsp
	popq	%rbx
	popq	%rbp
	popq	%rcx
	jmp	*%rcx
3:	ldmxcsr	(%rsp)
	jmp	2b
4:	fldcw	4(%rsp)
	jmp	5b

1:	endbr64
	movq	%rax, %r12
	movq	%rax, %rdi
	popq	%rcx
	call	*%rcx
	movq	BACK(%r12), %rcx
	popq	%r12
	.cfi_restore %r12
	popq	%r13
	.cfi_restore %r13
	popq	%r14
	.cfi_restore %r14
	popq	%r15
	.cfi_restore %r15
	popq	%rbp
	.cfi_restore %rbp
	.cfi_def_cfa %rsp, 8
	cmpq	%rcx, (%rsp)
	jne	6f
	ret
6:	popq	%rcx
	.cfi_def_cfa_offset 0
	.cfi_register %rip, %rcx
	notrack	jmp *%rcx
	.cfi_endproc
	.size	coro_swap_last, . - coro_swap_last

/* x86 feature note: IBT (1), not SHSTK (2). */
	.section .note.gnu.property, "a", @note
	.p2align 3
	.long	4, 16, 5
	.asciz	"GNU"
	.long	0xc0000002, 4, 1, 0

	.section .note.GNU-stack, "", @progbits
