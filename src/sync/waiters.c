/*
 * The rarer things that happen to the tasks parked on an object.
 */
#include "sync/waiters.h"

int waiters_settle(struct waiters *w, const void *thread, const char *what)
{
    if (w->home)
        return misuse(-EXDEV, "a %s used from another thread than its own",
                      what);
    w->home = thread;
    return 0;
}

void waiters_fire_all(struct waiters *w, int rc)
{
    if (waiters_empty(w))
        return;
    struct list all;
    list_init(&all);
    list_splice(&all, &w->queue);
    while (!list_empty(&all))
        clause_fire(container_of(all.next, struct clause, link), rc);
}

size_t waiters_count(const struct waiters *w)
{
    size_t count = 0;
    if (!waiters_empty(w))
        list_each (it, &w->queue)
            count++;
    return count;
}

int waiters_fini(struct waiters *w, const char *what)
{
    if (!waiters_empty(w))
        return misuse(-EBUSY, "a %s destroyed with tasks waiting for it", what);
    w->home = NULL;
    return 0;
}
