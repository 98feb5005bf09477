/*
 * Where a coroutine begins on aarch64.
 */

	.text

/*
 * The outermost frame of every coroutine, jumped to with what is new in its
 * struct coro_frame on the stack. Unwinders end here: the return address is
 * undefined, the frame pointer zero.
 */
	.globl	coro_trampoline
	.hidden	coro_trampoline
	.type	coro_trampoline, %function
	.p2align 4
coro_trampoline:
	.cfi_startproc
	.cfi_undefined x30
	.cfi_undefined x29
	hint	#34 /* bti c */
	mov	x29, #0
	ldp	x1, x2, [sp], #16
	/* Entered by a jump, for what coro_begin says of calls and returns. */
	adr	x30, 1f
	b	coro_begin
1:	bl	coro_returned
	brk	#1
	.cfi_endproc
	.size	coro_trampoline, . - coro_trampoline

/* aarch64 feature note: BTI (1). */
	.section .note.gnu.property, "a", %note
	.p2align 3
	.word	4, 16, 5
	.asciz	"GNU"
	.word	0xc0000000, 4, 1, 0

	.section .note.GNU-stack, "", %progbits
