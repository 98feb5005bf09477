/*
 * A frame is the caller's frame pointer and the return address, on both of our
 * processors; the outermost frame's pointer is zero. The stack grows down, so
 * each caller's frame lies above: what does not is no frame.
 */
#include "coro/trace.h"

#include <ucontext.h>

void trace_from(struct trace *t, struct peek *p, uint64_t pc, uint64_t fp)
{
    t->count = 0;
    t->frames[t->count++] = pc;
    while (t->count < TRACE_MOST && fp && fp % sizeof fp == 0) {
        uint64_t frame[2];
        if (!p->read(p, fp, frame, sizeof frame) || frame[1] == 0)
            return;
        t->frames[t->count++] = frame[1];
        if (frame[0] <= fp)
            return;
        fp = frame[0];
    }
}

void trace_parked(struct trace *t, struct peek *p, uint64_t sp, size_t fp_at,
                  size_t pc_at)
{
    uint64_t pc, fp;
    t->count = 0;
    if (peek_word(p, sp + pc_at, &pc) && peek_word(p, sp + fp_at, &fp))
        trace_from(t, p, pc, fp);
}

void trace_context(struct trace *t, struct peek *p, const void *context)
{
    const ucontext_t *u = context;
#if defined(__x86_64__)
    trace_from(t, p, (uint64_t)u->uc_mcontext.gregs[REG_RIP],
               (uint64_t)u->uc_mcontext.gregs[REG_RBP]);
#elif defined(__aarch64__)
    trace_from(t, p, u->uc_mcontext.pc, u->uc_mcontext.regs[29]);
#endif
}
