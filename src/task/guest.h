/*
 * Tasks placed on a loop by another thread, before they have started. Record
 * and stack are made by whoever spawns, so that no memory is an answer he
 * gets; a post takes the task to its loop, where it gets its group and its
 * scope and starts. The stacks are of a pool of that loop's own which has a
 * lock: the one thing about a guest that is not as with any task.
 */
#ifndef TASK_GUEST_H
#define TASK_GUEST_H

#include <pthread.h>
#include <stdatomic.h>

#include "coro/stack.h"
#include "loop/inbox.h"

struct rota_task;
struct runtime;
struct task_spec;
struct watch;

/* A runtime's guests. */
struct guests {
    pthread_mutex_t lock;
    struct stack_pool stacks;
    atomic_size_t coming; /* of the same crew, spawned and not yet arrived */
};

void guests_init(struct guests *g);
void guests_fini(struct guests *g);

/*
 * Makes a task in the background group of `rt`, from any thread; the handle
 * returned is the caller's. `watch` (may be NULL) is put on its end. NULL: no
 * memory, or the loop takes no posts of this rank any more.
 */
struct rota_task *guest_new(struct runtime *rt, const struct task_spec *spec,
                            enum post_rank rank, struct watch *watch);

/* On its loop: from here on it is a task like others. */
void guest_arrive(struct rota_task *t);

/* `t` is abandoned: who blocks for its end need not. On its loop. */
void guest_abandon(struct rota_task *t);

/* The stack of a guest that has ended. */
void guest_stack_put(struct runtime *rt, struct stack *s);

#endif
