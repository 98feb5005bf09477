/*
 * The switch on x86-64 (System V ABI). It is inline: the compiler saves what
 * it still needs of all that is clobbered here, and nothing is saved twice.
 * What it cannot be told lies on the stack being left, as struct coro_frame
 * says.
 *
 * One goes on by a jump. A return would take from the processor's stack of
 * calls an address that whoever left has put there: wrong whenever the two
 * have come here by different ways, and most of all where a task begins or
 * ends.
 */
#ifndef CORO_SWITCH_X86_64_H
#define CORO_SWITCH_X86_64_H

#include <stddef.h>
#include <stdint.h>

/* What lies at the saved stack pointer. */
struct coro_frame {
    uint32_t mxcsr;
    uint16_t x87; /* control word */
    void *rbx;
    void *fp;
    void (*pc)(void); /* where to go on */

    /* Of a new coroutine only: taken by the trampoline. */
    void (*entry)(void *arg);
    void *arg;
};

/* The control bits of mxcsr; the rest tell of what has happened and are not
 * preserved. */
#define SWITCH_MXCSR 0xffc0

#ifdef __AVX512F__
#define SWITCH_AVX512                                                         \
    , "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", \
        "xmm24", "xmm25", "xmm26", "xmm27", "xmm28", "xmm29", "xmm30",        \
        "xmm31", "k1", "k2", "k3", "k4", "k5", "k6", "k7"
#else
#define SWITCH_AVX512
#endif

/*
 * Leaves by storing the stack pointer in *save, goes on at `load`; the one
 * resumed sees the `pass` of the one that left. It pushes, so nothing that is
 * compiled with it may use the red zone. Loading a control word stalls the
 * processor; nearly always both sides have the same one, and comparing is
 * foreseen. rbx is pushed because ASan's code may stand on it.
 */
static inline __attribute__((always_inline)) void *coro_swap(void **save,
                                                             void *load,
                                                             void *pass)
{
    __asm__ volatile("leaq 1f(%%rip), %%rcx\n\t"
                     "pushq %%rcx\n\t"
                     "pushq %%rbp\n\t"
                     "pushq %%rbx\n\t"
                     "subq $8, %%rsp\n\t"
                     "stmxcsr (%%rsp)\n\t"
                     "fnstcw 4(%%rsp)\n\t"
                     "movl (%%rsp), %%ecx\n\t"
                     "movzwl 4(%%rsp), %%r8d\n\t"
                     "movq %%rsp, (%[save])\n\t"
                     "movq %[load], %%rsp\n\t"
                     "xorl (%%rsp), %%ecx\n\t"
                     "testl %[control], %%ecx\n\t"
                     "jne 3f\n"
                     "2:\tcmpw 4(%%rsp), %%r8w\n\t"
                     "jne 4f\n"
                     "5:\taddq $8, %%rsp\n\t"
                     "popq %%rbx\n\t"
                     "popq %%rbp\n\t"
                     "popq %%rcx\n\t"
                     "jmp *%%rcx\n"
                     "3:\tldmxcsr (%%rsp)\n\t"
                     "jmp 2b\n"
                     "4:\tfldcw 4(%%rsp)\n\t"
                     "jmp 5b\n"
                     "1:\tendbr64"
                     : [save] "+D"(save), [load] "+S"(load), "+a"(pass)
                     : [control] "i"(SWITCH_MXCSR)
                     : "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13",
                       "r14", "r15", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4",
                       "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11",
                       "xmm12", "xmm13", "xmm14", "xmm15", "memory",
                       "cc" SWITCH_AVX512);
    return pass;
}

#undef SWITCH_AVX512

/*
 * The same for the last step of a function, which then returns what `over`
 * does: no call is left between the switch and the function's caller. It goes
 * back there by a return only where whoever left would have gone back to the
 * same place, as t->back tells, so that this is what the processor foresees;
 * else by a jump, which is foreseen by where it led before. A return that is
 * foreseen wrong costs more than all the rest of a switch.
 */
int coro_swap_last(void **save, void *load, struct coro_thread *t,
                   coro_over *over);

/* Notes the control words of the caller. */
static inline void coro_frame_control(struct coro_frame *f)
{
    __asm__("stmxcsr %0\n\tfnstcw %1" : "=m"(f->mxcsr), "=m"(f->x87));
}

#endif
