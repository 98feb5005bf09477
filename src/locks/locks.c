/*
 * librota-locks: a program that is linked with it is told when one of its
 * tasks holds a pthread mutex over a suspension. The other tasks of the loop
 * run on the same thread, so the next that wants the mutex would wait for a
 * task that cannot run until it does.
 *
 * It puts itself before the C library's calls and notes, for each mutex a
 * loop's thread holds, which task took it and in which step. A mutex that is
 * held in a later step was held over a suspension. Nothing of this is in
 * librota: a program that is not linked with it pays nothing.
 */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "rota/export.h"
#include "rota/log.h"
#include "task/runtime.h"
#include "task/task.h"

enum { HELD_MOST = 32 }; /* by a thread; more are not looked at */

/* Who ran when: a coroutine's turns on the loop. */
struct step {
    const struct rota_task *task;
    uint64_t turn;
    unsigned slice;
};

struct held {
    pthread_mutex_t *mutex;
    struct step since;
    const char *name, *site; /* of the task */
    void *where;             /* the call that took it */
    bool told;
};

static _Thread_local struct {
    struct held held[HELD_MOST];
    unsigned count;
    bool inside; /* a report takes locks of its own */
} self __attribute__((tls_model("initial-exec")));

typedef int mutex_fn(pthread_mutex_t *m);
typedef int timed_fn(pthread_mutex_t *m, const struct timespec *until);

/* The C library's, which this file stands before. */
static void *real(const char *name, _Atomic(void *) *kept)
{
    void *fn = atomic_load_explicit(kept, memory_order_relaxed);
    if (!fn) {
        fn = dlsym(RTLD_NEXT, name);
        atomic_store_explicit(kept, fn, memory_order_relaxed);
    }
    return fn;
}

/* The running task's step; task is NULL outside of tasks. */
static struct step step_now(void)
{
    const struct rota_task *t = task_current();
    if (!t)
        return (struct step){ 0 };
    const struct loop *l = &t->runtime->loop;
    return (struct step){ t, l->turns, l->slice };
}

static bool same_step(const struct step *a, const struct step *b)
{
    return a->task == b->task && a->turn == b->turn && a->slice == b->slice;
}

static void tell(struct held *h, const char *how)
{
    if (h->told)
        return;
    h->told = true;
    rota_log(ROTA_LOG_ERROR,
             "task %s (spawned at %s) holds the pthread mutex %p, taken at %p, "
             "over a suspension%s",
             h->name, h->site ? h->site : "?", (void *)h->mutex, h->where, how);
}

/* Looks at what the thread holds, before it waits for `wanted`. */
static void check(const pthread_mutex_t *wanted)
{
    struct step now = step_now();
    for (unsigned i = 0; i < self.count; i++) {
        struct held *h = &self.held[i];
        if (same_step(&h->since, &now))
            continue;
        bool mine = h->mutex == wanted && h->since.task != now.task;
        tell(h, mine ? ", and another task of its thread wants it" : "");
    }
}

static void note_taken(pthread_mutex_t *m, void *where)
{
    struct step now = step_now();
    if (!now.task || self.count == HELD_MOST)
        return;
    self.held[self.count++] = (struct held){ .mutex = m,
                                             .since = now,
                                             .name = now.task->co.coro.name,
                                             .site = now.task->co.coro.site,
                                             .where = where };
}

/* Forgets the last time it was taken: a recursive one stands several times. */
static void note_given(const pthread_mutex_t *m)
{
    unsigned i = self.count;
    while (i > 0 && self.held[i - 1].mutex != m)
        i--;
    if (i == 0)
        return;
    struct step now = step_now();
    if (!same_step(&self.held[i - 1].since, &now))
        tell(&self.held[i - 1], "");
    memmove(&self.held[i - 1], &self.held[i],
            (self.count - i) * sizeof *self.held);
    self.count--;
}

static void before(const pthread_mutex_t *m)
{
    if (self.inside || self.count == 0)
        return;
    self.inside = true;
    check(m);
    self.inside = false;
}

static int after(int rc, pthread_mutex_t *m, void *where)
{
    if (!self.inside && (rc == 0 || rc == EOWNERDEAD))
        note_taken(m, where);
    return rc;
}

ROTA_API int pthread_mutex_lock(pthread_mutex_t *m)
{
    static _Atomic(void *) kept;
    mutex_fn *lock = (mutex_fn *)real("pthread_mutex_lock", &kept);
    before(m);
    return after(lock(m), m, __builtin_return_address(0));
}

ROTA_API int pthread_mutex_trylock(pthread_mutex_t *m)
{
    static _Atomic(void *) kept;
    mutex_fn *lock = (mutex_fn *)real("pthread_mutex_trylock", &kept);
    before(m);
    return after(lock(m), m, __builtin_return_address(0));
}

ROTA_API int pthread_mutex_timedlock(pthread_mutex_t *m,
                                     const struct timespec *until)
{
    static _Atomic(void *) kept;
    timed_fn *lock = (timed_fn *)real("pthread_mutex_timedlock", &kept);
    before(m);
    return after(lock(m, until), m, __builtin_return_address(0));
}

ROTA_API int pthread_mutex_unlock(pthread_mutex_t *m)
{
    static _Atomic(void *) kept;
    mutex_fn *unlock = (mutex_fn *)real("pthread_mutex_unlock", &kept);
    if (!self.inside && self.count > 0) {
        self.inside = true;
        note_given(m);
        self.inside = false;
    }
    return unlock(m);
}
