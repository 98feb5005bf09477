/*
 * Events. Setting one ends the waits of all who are in its queue in the same
 * step, which is why a clear that follows takes nothing from them.
 */
#include "sync/event.h"

#include <stdlib.h>

#include "sync/taken.h"
#include "task/runtime.h"

static const char what[] = "event";

_Static_assert(sizeof(struct event) <= sizeof(rota_event),
               "rota_event must have room for struct event");

/* Leaves the queue, which other threads may be working on. */
static bool withdraw(struct clause *c)
{
    struct event *e = event_of((rota_event *)c->object);
    event_lock(e);
    list_remove(&c->link);
    event_unlock(e);
    return true;
}

const struct wait_kind event_wait = { what, withdraw, NULL };

/* Sets it or not, and lets all go on who wait. */
static void fire(struct event *e, bool set)
{
    if (!e->shared) {
        e->set = set;
        waiters_fire_all(&e->waiters, 0);
        return;
    }
    struct list taken;
    list_init(&taken);
    event_lock(e);
    e->set = set;
    taken_gather(&e->waiters.queue, &taken);
    event_unlock(e);
    taken_deliver(&taken, 0);
}

static void free_shared(struct event_shared *s)
{
    pthread_mutex_destroy(&s->lock);
    rota_loop_unref(s->home);
    free(s);
}

/* What a signal handler posted. */
static void posted(struct post *p)
{
    struct event_shared *s = container_of(p, struct event_shared, post);
    /* First: a later signal posts anew, and what one wrote that did not is
     * seen here. */
    atomic_exchange(&s->posted, false);
    if (s->event) {
        fire(s->event, true);
        return;
    }
    free_shared(s);
}

static struct event_shared *share(struct event *e)
{
    struct event_shared *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    pthread_mutex_init(&s->lock, NULL);
    s->event = e;
    if (rota_current_loop())
        s->home = rota_loop_ref(rota_current_loop());
    s->post.run = posted;
    list_init(&e->waiters.queue);
    return s;
}

int rota_event_init(rota_event *event, unsigned flags)
{
    struct event *e = event_of(event);
    *e = (struct event){ 0 };
    if (!(flags & ROTA_SHARED))
        return 0;
    e->shared = share(e);
    return e->shared ? 0 : -ENOMEM;
}

int rota_event_fini(rota_event *event)
{
    struct event *e = event_of(event);
    int rc = waiters_fini(&e->waiters, what);
    if (rc < 0 || !e->shared)
        return rc;
    struct event_shared *s = e->shared;
    e->shared = NULL;
    if (atomic_load(&s->posted)) {
        s->event = NULL;
        return 0;
    }
    free_shared(s);
    return 0;
}

/* May this thread use it? */
static int here(struct event *e)
{
    return e->shared ? 0 : waiters_here(&e->waiters, what);
}

void rota_event_set(rota_event *event)
{
    struct event *e = event_of(event);
    if (here(e) == 0)
        fire(e, true);
}

void rota_event_pulse(rota_event *event)
{
    struct event *e = event_of(event);
    if (here(e) == 0)
        fire(e, false);
}

void rota_event_clear(rota_event *event)
{
    struct event *e = event_of(event);
    if (here(e) < 0)
        return;
    event_lock(e);
    e->set = false;
    event_unlock(e);
}

bool rota_event_is_set(rota_event *event)
{
    struct event *e = event_of(event);
    if (here(e) < 0)
        return false;
    event_lock(e);
    bool set = e->set;
    event_unlock(e);
    return set;
}

int rota_event_set_signal(rota_event *event)
{
    struct event_shared *s = event_of(event)->shared;
    if (!s || !s->home)
        return -EPERM;
    int saved = errno, rc = 0;
    if (!atomic_exchange(&s->posted, true))
        rc =
            loop_try_post(&loops_runtime(s->home)->loop, &s->post, POST_HANDLE);
    if (rc < 0)
        atomic_store(&s->posted, false);
    errno = saved;
    return rc;
}

size_t rota_event_waiters(rota_event *event)
{
    struct event *e = event_of(event);
    event_lock(e);
    size_t count = waiters_count(&e->waiters);
    event_unlock(e);
    return count;
}

static int wait_shared(struct event *e, struct rota_task *me)
{
    struct clause c;
    struct claim claim;
    clause_init(&c, &event_wait, e);
    event_lock(e);
    bool set = e->set;
    if (!set) {
        wait_arm(me, &c, 1, &claim);
        waiters_push(&e->waiters, &c);
    }
    event_unlock(e);
    return set ? wait_done(me, 0) : wait_sleep(me);
}

int rota_event_wait(rota_event *event)
{
    struct event *e = event_of(event);
    struct rota_task *me;
    int rc =
        e->shared ? wait_begin(&me) : waiters_begin(&e->waiters, what, &me);
    if (rc < 0)
        return rc;
    if (e->shared)
        return wait_shared(e, me);
    if (e->set)
        return wait_done(me, 0);
    return waiters_wait(&e->waiters, me, &event_wait, e, NULL, 0);
}
