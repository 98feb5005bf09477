/*
 * What every object of this room begins with: the tasks parked on it, in the
 * order they came, and the thread it belongs to. Both are right when all is
 * zero, so an object may be static. A dead waiter is in no queue: there is
 * nothing to skip.
 */
#ifndef SYNC_WAITERS_H
#define SYNC_WAITERS_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/list.h"
#include "base/misuse.h"
#include "task/task.h"

struct waiters {
    struct list queue; /* of clauses; zero: not used yet */
    const void *home;  /* the thread's errno, as its name; NULL: any yet */
};

/* Takes an object that had no thread; else says that `what` is another's. */
int waiters_settle(struct waiters *w, const void *thread, const char *what)
    __attribute__((cold));

/* Is this the object's thread? 0, or -EXDEV by way of misuse. */
static inline int waiters_home(struct waiters *w, const void *thread,
                               const char *what)
{
    return w->home == thread ? 0 : waiters_settle(w, thread, what);
}

/* The same for a call that need not be made by a task. */
static inline int waiters_here(struct waiters *w, const char *what)
{
    return waiters_home(w, &errno, what);
}

/* Begins a suspending call on the object: as wait_begin. */
static inline int waiters_begin(struct waiters *w, const char *what,
                                struct rota_task **me)
{
    struct coro_thread *thread = coro_thread();
    int rc = wait_begin_on(thread, me);
    return rc < 0 ? rc : waiters_home(w, thread->errno_at, what);
}

static inline bool waiters_empty(const struct waiters *w)
{
    return !w->queue.next || list_empty(&w->queue);
}

/* The one that came first; there is one. */
static inline struct clause *waiters_first(const struct waiters *w)
{
    return container_of(w->queue.next, struct clause, link);
}

/* Puts a clause at the end, to be parked on. */
static inline void waiters_push(struct waiters *w, struct clause *c)
{
    if (!w->queue.next)
        list_init(&w->queue);
    list_push(&w->queue, &c->link);
}

/* Parks on the object, at the end: as wait_in. */
static inline int waiters_wait(struct waiters *w, struct rota_task *me,
                               const struct wait_kind *kind, const void *object,
                               void *record, intptr_t detail)
{
    if (!w->queue.next)
        list_init(&w->queue);
    return wait_in(me, &w->queue, kind, object, record, detail);
}

/* Ends the waits of all who are parked now, with `rc`, in their order. */
void waiters_fire_all(struct waiters *w, int rc);

/* How many there are: it counts them. */
size_t waiters_count(const struct waiters *w);

/* The object goes: nobody may be parked on it. 0, or -EBUSY by way of
 * misuse. */
int waiters_fini(struct waiters *w, const char *what);

#endif
