/*
 * Going through futures as they are done: each has a watch, which queues it
 * in the order of the ends, whether somebody waits or not. So nothing is
 * lost when nobody does.
 */
#include <errno.h>
#include <stdlib.h>

#include "rota/wait.h"
#include "task/runtime.h"
#include "task/task.h"

struct item {
    struct watch watch;
    struct list link; /* among those done and not yet given */
    struct completed *all;
    rota_future *future; /* with a reference */
};

struct completed {
    struct list done;
    struct item *items;
    size_t count;
    size_t given;
    struct clause *waiter; /* what the next to be done fires; NULL: nothing */
    bool busy;             /* a task is in rota_as_completed_next */
};

_Static_assert(sizeof(struct completed) <= sizeof(rota_as_completed),
               "rota_as_completed must have room for struct completed");

static struct completed *completed_of(rota_as_completed *it)
{
    return (struct completed *)it;
}

static bool wait_no_more(struct clause *c)
{
    ((struct completed *)c->object)->waiter = NULL;
    return true;
}

static const struct wait_kind next_wait = { "as_completed", wait_no_more,
                                            NULL };

static void ended(struct watch *w)
{
    struct item *item = container_of(w, struct item, watch);
    struct completed *c = item->all;
    struct clause *waiter = c->waiter;
    list_push(&c->done, &item->link);
    c->waiter = NULL;
    if (waiter)
        clause_fire(waiter, 0);
}

int rota_as_completed_init(rota_as_completed *it, rota_future *const *futures,
                           size_t n)
{
    if (n == 0)
        return -EINVAL;
    struct runtime *rt = runtime_current();
    for (size_t i = 0; i < n; i++)
        if (!futures[i] || futures[i]->runtime != rt)
            return futures[i] ? -EXDEV : -ENOMEM;
    struct completed *c = completed_of(it);
    *c =
        (struct completed){ .items = malloc(n * sizeof *c->items), .count = n };
    if (!c->items)
        return -ENOMEM;
    list_init(&c->done);
    for (size_t i = 0; i < n; i++) {
        struct item *item = &c->items[i];
        *item = (struct item){ .watch.fire = ended,
                               .all = c,
                               .future = rota_future_ref(futures[i]) };
        list_init(&item->watch.link);
        list_init(&item->link);
        if (futures[i]->state != ROTA_PENDING)
            ended(&item->watch);
        else
            list_push(&futures[i]->watches, &item->watch.link);
    }
    return 0;
}

/* Waits until one is done that was not given. */
static int wait_next(struct completed *c, struct rota_task *me)
{
    if (!list_empty(&c->done))
        return wait_done(me, 0);
    struct clause clause;
    clause_init(&clause, &next_wait, c);
    c->waiter = &clause;
    return wait_park(me, &clause, 1);
}

int rota_as_completed_next(rota_as_completed *it, size_t *index)
{
    struct completed *c = completed_of(it);
    struct rota_task *me;
    int rc = wait_begin(&me);
    if (rc < 0)
        return rc;
    if (c->busy)
        return -EBUSY;
    if (c->given == c->count)
        return wait_done(me, 0);
    c->busy = true;
    rc = wait_next(c, me);
    c->busy = false;
    if (rc < 0)
        return rc;
    struct item *item = container_of(list_pop(&c->done), struct item, link);
    c->given++;
    *index = (size_t)(item - c->items);
    return 1;
}

void rota_as_completed_fini(rota_as_completed *it)
{
    struct completed *c = completed_of(it);
    for (size_t i = 0; i < c->count; i++) {
        list_remove(&c->items[i].watch.link);
        rota_future_unref(c->items[i].future);
    }
    free(c->items);
    *c = (struct completed){ 0 };
}
