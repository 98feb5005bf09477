/*
 * Several loops as one run: begun together, ended in step. The hard part is to
 * know that no task is left anywhere, while any loop may still place one on
 * any other. A loop that has nothing to do says so, then looks at all; a task
 * on its way is counted at its destination before it is sent, and until it has
 * taken that loop's word back; and a look counts only if nobody has sent a
 * task meanwhile. tests/task/crew.pml is a model of it.
 */
#include "task/crew.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cores.h"
#include "base/misuse.h"
#include "rota/loop.h"
#include "task/runtime.h"
#include "task/task.h"

enum { LOOPS_MOST = 4096 };

void crew_end(struct runtime *rt)
{
    struct crew *c = rt->crewman.crew;
    for (unsigned i = 1; c && i < c->count; i++)
        loops_ask(c->loops[i], ASK_END);
}

void crew_round(struct runtime *rt)
{
    rt->crewman.round++;
}

void crew_busy(struct runtime *rt)
{
    atomic_store(&rt->crewman.idle_in, 0);
}

/* No task anywhere, and none on its way. */
static bool all_idle(struct crew *c, unsigned round)
{
    uint64_t placed = atomic_load(&c->placed);
    for (unsigned i = 0; i < c->count; i++) {
        struct runtime *rt = c->loops[i];
        if (atomic_load(&rt->guests.coming) > 0 ||
            atomic_load(&rt->crewman.idle_in) != round)
            return false;
    }
    return atomic_load(&c->placed) == placed;
}

bool crew_quiet(struct runtime *rt)
{
    struct crewman *m = &rt->crewman;
    struct crew *c = m->crew;
    if (!c || atomic_load(&c->quiet) >= m->round)
        return true;
    atomic_exchange(&m->idle_in, m->round); /* as in loop/inbox.c */
    if (!all_idle(c, m->round))
        return false;
    atomic_store(&c->quiet, m->round);
    for (unsigned i = 0; i < c->count; i++)
        if (c->loops[i] != rt)
            loops_ask(c->loops[i], ASK_LOOK);
    return true;
}

static size_t load_of(struct runtime *rt)
{
    return __atomic_load_n(&rt->tasks, __ATOMIC_RELAXED) +
           atomic_load_explicit(&rt->guests.coming, memory_order_relaxed);
}

struct runtime *crew_least_loaded(struct runtime *rt)
{
    struct crewman *m = &rt->crewman;
    struct crew *c = m->crew;
    struct runtime *best = NULL;
    if (!c)
        return rt;
    m->turn++; /* equals take turns */
    for (unsigned i = 0; i < c->count; i++) {
        struct runtime *it = c->loops[(m->turn + i) % c->count];
        if (!best || load_of(it) < load_of(best))
            best = it;
    }
    return best;
}

/* Says how a loop came up, and waits for all: do they begin? */
static bool muster(struct crew *c, int rc)
{
    pthread_mutex_lock(&c->lock);
    c->up++;
    if (rc < 0)
        c->error = rc;
    pthread_cond_broadcast(&c->changed);
    while (!c->decided)
        pthread_cond_wait(&c->changed, &c->lock);
    bool begin = c->error == 0;
    pthread_mutex_unlock(&c->lock);
    return begin;
}

/* The same on main's thread, which decides; of `started` loops. */
static int decide(struct crew *c, unsigned started, int rc)
{
    pthread_mutex_lock(&c->lock);
    while (c->up < started)
        pthread_cond_wait(&c->changed, &c->lock);
    if (rc < 0)
        c->error = rc;
    c->decided = true;
    rc = c->error;
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
    return rc;
}

static void *member(void *arg)
{
    struct runtime *rt = arg;
    int rc = runtime_init(rt, NULL);
    bool begin = muster(rt->crewman.crew, rc);
    while (begin && !rt->crewman.told)
        loop_turn(&rt->loop);
    if (begin)
        runtime_drain(rt);
    if (rc == 0)
        runtime_fini(rt);
    return NULL;
}

/* A loop's share of what was given to all. */
static unsigned share(unsigned of, unsigned count)
{
    return (of + count - 1) / count;
}

static void crew_free(struct crew *c)
{
    for (unsigned i = 0; i < c->count; i++)
        if (c->loops[i] && !c->loops[i]->leaky)
            runtime_unref(c->loops[i]);
    pthread_mutex_destroy(&c->lock);
    pthread_cond_destroy(&c->changed);
    free(c);
}

static struct crew *crew_new(unsigned n, const rota_run_options *options)
{
    struct crew *c = calloc(1, sizeof *c + n * sizeof c->loops[0]);
    if (!c)
        return NULL;
    c->count = n;
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->changed, NULL);
    rota_run_options o = options ? *options : (rota_run_options){ 0 };
    o.threads = share(o.threads, n);
    o.cpu_threads = share(o.cpu_threads ? o.cpu_threads : cores_usable(), n);
    for (unsigned i = 0; i < n; i++) {
        c->loops[i] = runtime_new(&o);
        if (!c->loops[i]) {
            crew_free(c);
            return NULL;
        }
        c->loops[i]->crewman.crew = c;
    }
    return c;
}

/* Starts the other loops' threads, with all signals blocked: they are main's.
 * How many there are now, main's not counted; *rc tells why not more. */
static unsigned start(struct crew *c, pthread_t *threads, int *rc)
{
    sigset_t all, before;
    unsigned i = 1;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (i < c->count && *rc == 0) {
        *rc = -pthread_create(&threads[i], NULL, member, c->loops[i]);
        if (*rc < 0)
            break;
        char name[32]; /* at most 15 are used */
        snprintf(name, sizeof name, "rota-loop-%u", i);
        pthread_setname_np(threads[i++], name);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return i - 1;
}

/* What the run came to: main's result, unless tasks of others were left. */
static int result_of(const struct crew *c, int rc)
{
    for (unsigned i = 1; i < c->count && rc >= 0; i++)
        if (c->loops[i]->verdict < 0)
            rc = c->loops[i]->verdict;
    return rc;
}

static int run(struct crew *c, pthread_t *threads, rota_fn *fn, void *arg)
{
    struct runtime *first = c->loops[0];
    bool interrupted = false;
    int rc = runtime_init(first, NULL);
    if (rc < 0)
        return rc;
    unsigned started = start(c, threads, &rc);
    rc = decide(c, started, rc);
    if (rc == 0)
        rc = runtime_main(first, fn, arg, &interrupted);
    runtime_fini(first);
    for (unsigned i = 1; i <= started; i++)
        pthread_join(threads[i], NULL);
    rc = result_of(c, rc);
    if (interrupted)
        raise(SIGINT);
    return rc;
}

int rota_run_multi(unsigned n, rota_fn *fn, void *arg,
                   const rota_run_options *options)
{
    if (atomic_load(&misuse_stale))
        return -ESTALE;
    if (coro_thread())
        return -EBUSY;
    if (n == 0)
        n = cores_usable();
    if (n > LOOPS_MOST)
        return -EINVAL;
    struct crew *c = crew_new(n, options);
    pthread_t *threads = c ? calloc(n, sizeof *threads) : NULL;
    int rc = threads ? run(c, threads, fn, arg) : -ENOMEM;
    free(threads);
    if (c)
        crew_free(c);
    return rc;
}

size_t rota_loop_count(void)
{
    struct runtime *rt = runtime_current();
    if (!rt)
        return 0;
    return rt->crewman.crew ? rt->crewman.crew->count : 1;
}

rota_loop *rota_loop_at(size_t i)
{
    struct runtime *rt = runtime_current();
    if (i >= rota_loop_count())
        return NULL;
    return (rota_loop *)(rt->crewman.crew ? rt->crewman.crew->loops[i] : rt);
}
