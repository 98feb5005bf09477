/*
 * Waiting for some of several futures: a watch on each counts them down, and
 * the wait has two clauses, that it is enough, and that the time is over.
 */
#include <errno.h>
#include <stdlib.h>

#include "rota/wait.h"
#include "task/runtime.h"
#include "task/task.h"

enum { ENOUGH, TIME, CLAUSES };

struct some {
    struct clause clauses[CLAUSES];
    struct timer timer;
    enum rota_wait_mode mode;
    size_t count;
    size_t pending;
    bool failed; /* one did */
    bool parked;
};

struct one {
    struct watch watch;
    struct some *all;
    rota_future *future; /* with a reference */
};

static bool count_no_more(struct clause *c)
{
    container_of(c, struct some, clauses[ENOUGH])->parked = false;
    return true;
}

static bool time_no_more(struct clause *c)
{
    struct some *s = container_of(c, struct some, clauses[TIME]);
    timer_cancel(&task_loop(c->task)->timers, &s->timer);
    return true;
}

static const struct wait_kind some_wait = { "wait", count_no_more, NULL };
static const struct wait_kind time_wait = { "wait timeout", time_no_more,
                                            NULL };

static bool enough(const struct some *s)
{
    switch (s->mode) {
    case ROTA_FIRST_COMPLETED: return s->pending < s->count;
    case ROTA_FIRST_EXCEPTION: return s->failed || s->pending == 0;
    default: return s->pending == 0;
    }
}

static int done_of(const struct some *s)
{
    return (int)(s->count - s->pending);
}

static void ended(struct watch *w)
{
    struct one *one = container_of(w, struct one, watch);
    struct some *s = one->all;
    s->pending--;
    s->failed |= one->future->state == ROTA_ERROR;
    if (!s->parked || !enough(s))
        return;
    s->parked = false;
    clause_fire(&s->clauses[ENOUGH], done_of(s));
}

static void too_late(struct timer *timer)
{
    struct some *s = container_of(timer, struct some, timer);
    clause_fire(&s->clauses[TIME], done_of(s));
}

static void watch_all(struct some *s, struct one *each,
                      rota_future *const *futures)
{
    s->pending = s->count;
    for (size_t i = 0; i < s->count; i++) {
        each[i] = (struct one){ { .fire = ended }, s, futures[i] };
        list_init(&each[i].watch.link);
        rota_future_ref(futures[i]); /* it may be dropped before we run */
        if (futures[i]->state == ROTA_PENDING)
            list_push(&futures[i]->watches, &each[i].watch.link);
        else
            ended(&each[i].watch);
    }
}

static void unwatch_all(struct some *s, struct one *each)
{
    for (size_t i = 0; i < s->count; i++) {
        list_remove(&each[i].watch.link);
        rota_future_unref(each[i].future);
    }
}

static int park(struct some *s, struct rota_task *me, rota_dur timeout)
{
    clause_init(&s->clauses[ENOUGH], &some_wait, s);
    clause_init(&s->clauses[TIME], &time_wait, s);
    s->timer = (struct timer){ .fire = too_late };
    rota_time when = rota_time_add(rota_now(), timeout);
    int rc = timer_arm(&task_loop(me)->timers, &s->timer, when);
    s->parked = rc == 0;
    return rc < 0 ? rc : wait_park(me, s->clauses, CLAUSES);
}

/* May they be waited for here? */
static int check(rota_future *const *futures, size_t n, struct rota_task *me)
{
    if (n == 0)
        return -EINVAL;
    for (size_t i = 0; i < n; i++) {
        if (!futures[i])
            return -ENOMEM;
        if (futures[i]->runtime != me->runtime)
            return -EXDEV;
        if (futures[i]->task && task_waits_for(futures[i]->task, me))
            return -EDEADLK;
    }
    return 0;
}

int rota_wait(rota_future *const *futures, size_t n, enum rota_wait_mode mode,
              rota_dur timeout)
{
    struct rota_task *me;
    int rc = wait_begin(&me);
    if (rc == 0)
        rc = check(futures, n, me);
    if (rc < 0)
        return rc;
    struct one *each = malloc(n * sizeof *each);
    if (!each)
        return -ENOMEM;
    struct some s = { .mode = mode, .count = n };
    watch_all(&s, each, futures);
    rc = enough(&s) ? wait_done(me, done_of(&s)) : park(&s, me, timeout);
    unwatch_all(&s, each);
    free(each);
    return rc;
}
