/*
 * The switch on aarch64 (AAPCS64). What a called function must preserve is
 * stored on the stack being left: x19-x30, the low halves d8-d15 of v8-v15,
 * and the floating point control register. The one word kept of a coroutine
 * is its stack pointer. This file alone knows the layout:
 *
 *   sp +0 x29 x30  +16 x19..x28  +96 d8..d15  +160 fpcr
 */

#define FRAME 176

	.text

/*
 * void *coro_swap(void **save, void *load, void *pass)
 * Leaves by storing sp in *save, goes on at `load`. The one resumed sees the
 * `pass` of the one that left.
 */
	.globl	coro_swap
	.hidden	coro_swap
	.type	coro_swap, %function
	.p2align 4
coro_swap:
	.cfi_startproc
	hint	#34 /* bti c */
	stp	x29, x30, [sp, #-FRAME]!
	.cfi_def_cfa_offset FRAME
	.cfi_rel_offset x29, 0
	.cfi_rel_offset x30, 8
	stp	x19, x20, [sp, #16]
	.cfi_rel_offset x19, 16
	.cfi_rel_offset x20, 24
	stp	x21, x22, [sp, #32]
	.cfi_rel_offset x21, 32
	.cfi_rel_offset x22, 40
	stp	x23, x24, [sp, #48]
	.cfi_rel_offset x23, 48
	.cfi_rel_offset x24, 56
	stp	x25, x26, [sp, #64]
	.cfi_rel_offset x25, 64
	.cfi_rel_offset x26, 72
	stp	x27, x28, [sp, #80]
	.cfi_rel_offset x27, 80
	.cfi_rel_offset x28, 88
	stp	d8, d9, [sp, #96]
	stp	d10, d11, [sp, #112]
	stp	d12, d13, [sp, #128]
	stp	d14, d15, [sp, #144]
	mrs	x3, fpcr
	str	x3, [sp, #160]

	mov	x4, sp
	str	x4, [x0]
	mov	sp, x1
	mov	x0, x2

	/* Writing fpcr may stall; nearly always both sides agree. */
	ldr	x4, [sp, #160]
	cmp	x3, x4
	b.eq	1f
	msr	fpcr, x4
1:	ldp	d14, d15, [sp, #144]
	ldp	d12, d13, [sp, #128]
	ldp	d10, d11, [sp, #112]
	ldp	d8, d9, [sp, #96]
	ldp	x27, x28, [sp, #80]
	ldp	x25, x26, [sp, #64]
	ldp	x23, x24, [sp, #48]
	ldp	x21, x22, [sp, #32]
	ldp	x19, x20, [sp, #16]
	ldp	x29, x30, [sp], #FRAME
	.cfi_def_cfa_offset 0
	.cfi_restore x19
	.cfi_restore x20
	.cfi_restore x21
	.cfi_restore x22
	.cfi_restore x23
	.cfi_restore x24
	.cfi_restore x25
	.cfi_restore x26
	.cfi_restore x27
	.cfi_restore x28
	.cfi_restore x29
	.cfi_restore x30
	ret
	.cfi_endproc
	.size	coro_swap, . - coro_swap

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
	stp	x1, x2, [x0, #16]
	stp	xzr, xzr, [x0, #32]
	stp	xzr, xzr, [x0, #48]
	stp	xzr, xzr, [x0, #64]
	stp	xzr, xzr, [x0, #80]
	stp	xzr, xzr, [x0, #96]
	stp	xzr, xzr, [x0, #112]
	stp	xzr, xzr, [x0, #128]
	stp	xzr, xzr, [x0, #144]
	mrs	x3, fpcr
	str	x3, [x0, #160]
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
	mov	x1, x19
	mov	x2, x20
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
