/*
 * What threads that are not its own may do to a runtime: hold it, ask it for
 * something. Its memory is counted: the run has a share, each handle has one,
 * and once the run is over each record of a task that somebody still holds has
 * one too (while it runs they are merely counted, as that costs no atomics).
 */
#ifndef TASK_LOOPS_H
#define TASK_LOOPS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "loop/inbox.h"
#include "rota/loop.h"

struct runtime;
struct rota_task;
struct task_spec;

enum loops_ask {
    ASK_STOP = 1 << 0, /* main is to end */
    ASK_END = 1 << 1,  /* it has ended */
    ASK_LOOK = 1 << 2, /* the crew is quiet */
};

/* A runtime's part that others touch. */
struct outside {
    atomic_uint refs;
    atomic_uint asked; /* enum loops_ask */
    struct post ask;   /* on its way while anything is asked */
    size_t records;    /* tasks that run, or that somebody holds */
    bool outlived;     /* the run is over: each record has a share */
};

static inline struct runtime *loops_runtime(rota_loop *loop)
{
    return (struct runtime *)loop;
}

/* A runtime whose memory is the caller's share; NULL: no memory. */
struct runtime *runtime_new(const rota_run_options *options);

/* Drops a share. */
void runtime_unref(struct runtime *rt);

/* Is there anybody outside who could post? */
bool loops_held(struct runtime *rt);

/* Asks for something, unless the run is over. Whoever asks for what is asked
 * already changes nothing. */
void loops_ask(struct runtime *rt, enum loops_ask what);

/* The tasks are over. Refuses whatever still comes by handles; on return no
 * other thread touches more than the runtime's memory. */
void loops_close(struct runtime *rt);

/* rota_spawn with a loop among its options, by a task of `me`. */
struct rota_task *loops_spawn(struct runtime *me, rota_loop *on,
                              const struct task_spec *spec);

#endif
