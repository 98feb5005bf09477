/*
 * Where a coroutine begins on x86-64 (System V ABI): what coro_swap
 * (switch_x86_64.h) finds on a new stack, and where that leads. The property
 * note at the end does not claim shadow stacks: a switch would have to change
 * them too.
 */

#define FRAME 48

	.text

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
	movq	%rcx, 24(%rax)
	movq	%rsi, 32(%rax)
	movq	%rdx, 40(%rax)
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

/* x86 feature note: IBT (1), not SHSTK (2). */
	.section .note.gnu.property, "a", @note
	.p2align 3
	.long	4, 16, 5
	.asciz	"GNU"
	.long	0xc0000002, 4, 1, 0

	.section .note.GNU-stack, "", @progbits
