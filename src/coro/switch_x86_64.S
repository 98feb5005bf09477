/*
 * The switch on x86-64 (System V ABI). Everything that a called function must
 * preserve is pushed on the stack being left; the one word that is kept of it
 * is the stack pointer. This file alone knows the layout:
 *
 *   sp +0 mxcsr  +4 x87 control word  +8 r15  +16 r14  +24 r13  +32 r12
 *      +40 rbx  +48 rbp  +56 return address
 *
 * All coroutines are resumed by the same `ret` to the same caller, so the
 * processor's return predictor stays balanced; that is why this is a `ret`
 * and why the property note at the end does not claim shadow stacks.
 */

#define FRAME 64
#define MXCSR_CONTROL 0xffc0 /* the rest are status bits: not preserved */

	.text

/*
 * void *coro_swap(void **save, void *load, void *pass)
 * Leaves by storing sp in *save, goes on at `load`. The one resumed sees the
 * `pass` of the one that left.
 */
	.globl	coro_swap
	.hidden	coro_swap
	.type	coro_swap, @function
	.p2align 4
coro_swap:
	.cfi_startproc
	endbr64
	pushq	%rbp
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbp, 0
	pushq	%rbx
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbx, 0
	pushq	%r12
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r12, 0
	pushq	%r13
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r13, 0
	pushq	%r14
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r14, 0
	pushq	%r15
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r15, 0
	subq	$8, %rsp
	.cfi_adjust_cfa_offset 8
	stmxcsr	(%rsp)
	fnstcw	4(%rsp)
	movl	(%rsp), %ecx
	movzwl	4(%rsp), %r8d

	movq	%rsp, (%rdi)
	movq	%rsi, %rsp
	movq	%rdx, %rax

	/* Loading a control word stalls the processor; nearly always both
	   sides have the same one, and comparing is foreseen. */
	xorl	(%rsp), %ecx
	testl	$MXCSR_CONTROL, %ecx
	jne	2f
1:	cmpw	4(%rsp), %r8w
	jne	3f
4:	addq	$8, %rsp
	.cfi_remember_state
	.cfi_adjust_cfa_offset -8
	popq	%r15
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r15
	popq	%r14
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r14
	popq	%r13
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r13
	popq	%r12
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r12
	popq	%rbx
	.cfi_adjust_cfa_offset -8
	.cfi_restore %rbx
	popq	%rbp
	.cfi_adjust_cfa_offset -8
	.cfi_restore %rbp
	ret
	.cfi_restore_state
2:	ldmxcsr	(%rsp)
	jmp	1b
3:	fldcw	4(%rsp)
	jmp	4b
	.cfi_endproc
	.size	coro_swap, . - coro_swap

/*
 * void *coro_frame(void *top, void (*entry)(void *), void *arg)
 * Lays out below `top` (aligned to 16) what coro_swap pops, so that it ends
 * up in the trampoline; returns sp. The control words are the creator's.
 */
	.globl	coro_frame
	.hidden	coro_frame
	.type	coro_frame, @function
	.p2align 4
coro_frame:
	.cfi_startproc
	endbr64
	leaq	coro_trampoline(%rip), %rcx
	leaq	-FRAME(%rdi), %rax
	stmxcsr	(%rax)
	fnstcw	4(%rax)
	movq	$0, 8(%rax)
	movq	$0, 16(%rax)
	movq	%rdx, 24(%rax)
	movq	%rsi, 32(%rax)
	movq	$0, 40(%rax)
	movq	$0, 48(%rax)
	movq	%rcx, 56(%rax)
	ret
	.cfi_endproc
	.size	coro_frame, . - coro_frame

/*
 * The outermost frame of every coroutine. Unwinders end here: the return
 * address is undefined, the frame pointer zero.
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
	movq	%r12, %rsi
	movq	%r13, %rdx
	/* Entered by a jump, for what coro_begin says of calls and returns. */
	leaq	1f(%rip), %rcx
	pushq	%rcx
	jmp	coro_begin
1:	call	coro_returned
	ud2
	.cfi_endproc
	.size	coro_trampoline, . - coro_trampoline

/* x86 feature note: IBT (1), not SHSTK (2). */
	.section .note.gnu.property, "a", @note
	.p2align 3
	.long	4, 16, 5
	.asciz	"GNU"
	.long	0xc0000002, 4, 1, 0

	.section .note.GNU-stack, "", @progbits
