/*
 * Wait groups. Reaching zero ends the waits in the same step: a count that
 * rises again before they run is for those who come later.
 */
#include "rota/wait_group.h"

#include "sync/waiters.h"

struct wg {
    struct waiters waiters;
    long count;
};

static const char what[] = "wait group";

_Static_assert(sizeof(struct wg) <= sizeof(rota_wg),
               "rota_wg must have room for struct wg");

static struct wg *wg_of(rota_wg *g)
{
    return (struct wg *)g;
}

static const struct wait_kind wg_wait = { what, NULL, NULL };

void rota_wg_init(rota_wg *g)
{
    *wg_of(g) = (struct wg){ 0 };
}

int rota_wg_fini(rota_wg *g)
{
    return waiters_fini(&wg_of(g)->waiters, what);
}

int rota_wg_add(rota_wg *group, long n)
{
    struct wg *g = wg_of(group);
    long count;
    int rc = waiters_here(&g->waiters, what);
    if (rc < 0)
        return rc;
    if (__builtin_add_overflow(g->count, n, &count) || count < 0)
        return -EOVERFLOW;
    g->count = count;
    if (count == 0)
        waiters_fire_all(&g->waiters, 0);
    return 0;
}

int rota_wg_done(rota_wg *g)
{
    return rota_wg_add(g, -1);
}

int rota_wg_wait(rota_wg *group)
{
    struct wg *g = wg_of(group);
    struct rota_task *me;
    int rc = waiters_begin(&g->waiters, what, &me);
    if (rc < 0)
        return rc;
    if (g->count == 0)
        return wait_done(me, 0);
    return waiters_wait(&g->waiters, me, &wg_wait, g, NULL, 0);
}

long rota_wg_count(const rota_wg *g)
{
    return ((const struct wg *)g)->count;
}

size_t rota_wg_waiters(const rota_wg *g)
{
    return waiters_count(&((const struct wg *)g)->waiters);
}
