/*
 * The switch on aarch64 (AAPCS64). It is inline: the compiler saves what it
 * still needs of all that is clobbered here, and nothing is saved twice. What
 * it cannot be told lies on the stack being left, as struct coro_frame says.
 * One goes on by a jump: why is told in switch_x86_64.h.
 */
#ifndef CORO_SWITCH_AARCH64_H
#define CORO_SWITCH_AARCH64_H

#include <stddef.h>
#include <stdint.h>

/* What lies at the saved stack pointer. */
struct coro_frame {
    void *fp;
    void (*pc)(void); /* where to go on */
    uint64_t fpcr;
    void *x19;

    /* Of a new coroutine only: taken by the trampoline. */
    void (*entry)(void *arg);
    void *arg;
};

#ifdef __ARM_FEATURE_SVE
#define SWITCH_SVE                                                       \
    , "p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9", "p10", \
        "p11", "p12", "p13", "p14", "p15"
#else
#define SWITCH_SVE
#endif

/*
 * Leaves by storing the stack pointer in *save, goes on at `load`; the one
 * resumed sees the `pass` of the one that left. Writing fpcr may stall;
 * nearly always both sides agree. x19 is kept because ASan's code may stand
 * on it; a jump by way of x16 may lead to a call's landing pad.
 */
static inline __attribute__((always_inline)) void *coro_swap(void **save,
                                                             void *load,
                                                             void *pass)
{
    register void *x0 __asm__("x0") = pass;
    register void **x1 __asm__("x1") = save;
    register void *x2 __asm__("x2") = load;
    __asm__ volatile(
        "adr x16, 1f\n\t"
        "mrs x3, fpcr\n\t"
        "stp x29, x16, [sp, #-32]!\n\t"
        "stp x3, x19, [sp, #16]\n\t"
        "mov x4, sp\n\t"
        "str x4, [x1]\n\t"
        "mov sp, x2\n\t"
        "ldp x4, x19, [sp, #16]\n\t"
        "cmp x3, x4\n\t"
        "b.eq 2f\n\t"
        "msr fpcr, x4\n"
        "2:\tldp x29, x16, [sp], #32\n\t"
        "br x16\n"
        "1:\thint #36 /* bti j */"
        : "+r"(x0), "+r"(x1), "+r"(x2)
        :
        : "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13",
          "x14", "x15", "x16", "x17", "x18", "x20", "x21", "x22", "x23", "x24",
          "x25", "x26", "x27", "x28", "x30", "v0", "v1", "v2", "v3", "v4", "v5",
          "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15",
          "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25",
          "v26", "v27", "v28", "v29", "v30", "v31", "memory", "cc" SWITCH_SVE);
    return x0;
}

#undef SWITCH_SVE

/* The same for the last step of a function, which then returns what `over`
 * does. */
static inline __attribute__((always_inline)) int coro_swap_last(
    void **save, void *load, struct coro_thread *t, coro_over *over)
{
    return over(coro_swap(save, load, t));
}

/* Notes the control register of the caller. */
static inline void coro_frame_control(struct coro_frame *f)
{
    __asm__("mrs %0, fpcr" : "=r"(f->fpcr));
}

#endif
