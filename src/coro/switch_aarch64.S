/*
 * Where a coroutine begins on aarch64: what coro_swap (switch_aarch64.h) finds
 * on a new stack, and where that leads.
 */

#define FRAME 48

	.text

/*
 * void *coro_frame(void *top, void (*entry)(void *), void *arg)
 * Lays out below `top` (aligned to 16) what coro_swap loads, so that it ends
 * up in the trampoline; returns sp. The control register is the creator's.
 */
	.globl	coro_frame
	.hidden	coro_frame
	.type	coro_frame, %function
	.p2align 4
coro_frame:
	.cfi_startproc
	hint	#34 /* bti c */
	sub	x0, x0, #FRAME
	adrp	x3, coro_trampoline
	add	x3, x3, :lo12:coro_trampoline
	stp	xzr, x3, [x0]
	mrs	x3, fpcr
	stp	x3, xzr, [x0, #16]
	stp	x1, x2, [x0, #32]
	ret
	.cfi_endproc
	.size	coro_frame, . - coro_frame

/*
 * The outermost frame of every coroutine. Unwinders end here: the return
 * address is undefined, the frame pointer zero.
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
