/*
 * int register_probe(void (*call)(void *), void *arg, uint64_t seed)
 * Fills all registers that a call must preserve with seed + their number,
 * calls call(arg), and returns how many of them have changed.
 */
	.text
	.globl	register_probe
	.hidden	register_probe
	.type	register_probe, %function
register_probe:
	.cfi_startproc
	hint	#34 /* bti c */
	stp	x29, x30, [sp, #-176]!
	.cfi_def_cfa_offset 176
	.cfi_rel_offset x29, 0
	.cfi_rel_offset x30, 8
	stp	x19, x20, [sp, #16]
	stp	x21, x22, [sp, #32]
	stp	x23, x24, [sp, #48]
	stp	x25, x26, [sp, #64]
	stp	x27, x28, [sp, #80]
	stp	d8, d9, [sp, #96]
	stp	d10, d11, [sp, #112]
	stp	d12, d13, [sp, #128]
	stp	d14, d15, [sp, #144]
	str	x2, [sp, #160]
	.irp	n, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29
	add	x\n, x2, #\n
	.endr
	.irp	n, 8, 9, 10, 11, 12, 13, 14, 15
	add	x3, x2, #\n
	fmov	d\n, x3
	.endr
	mov	x3, x0
	mov	x0, x1
	blr	x3
	ldr	x2, [sp, #160]
	mov	w0, #0
	.irp	n, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29
	sub	x3, x\n, x2
	cmp	x3, #\n
	cinc	w0, w0, ne
	.endr
	.irp	n, 8, 9, 10, 11, 12, 13, 14, 15
	fmov	x3, d\n
	sub	x3, x3, x2
	cmp	x3, #\n
	cinc	w0, w0, ne
	.endr
	ldp	d14, d15, [sp, #144]
	ldp	d12, d13, [sp, #128]
	ldp	d10, d11, [sp, #112]
	ldp	d8, d9, [sp, #96]
	ldp	x27, x28, [sp, #80]
	ldp	x25, x26, [sp, #64]
	ldp	x23, x24, [sp, #48]
	ldp	x21, x22, [sp, #32]
	ldp	x19, x20, [sp, #16]
	ldp	x29, x30, [sp], #176
	.cfi_restore x29
	.cfi_restore x30
	.cfi_def_cfa_offset 0
	ret
	.cfi_endproc
	.size	register_probe, . - register_probe

	.section .note.GNU-stack, "", %progbits
