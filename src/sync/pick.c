/*
 * What a select can wait for: for each kind of case, how it is tried and how
 * it waits. The waiting is that of the object's own call, by the same clause
 * in the same queue.
 */
#include "sync/select.h"

static struct rota_chan *chan_of(const rota_case *c)
{
    switch (c->kind) {
    case ROTA_CASE_TX: return ((rota_chan_tx *)c->object)->chan;
    case ROTA_CASE_RX: return ((rota_chan_rx *)c->object)->chan;
    default: return c->object;
    }
}

static int init_chan(struct pick *p, struct rota_task *me)
{
    rota_case *of = p->of;
    struct rota_chan *c = chan_of(of);
    p->lock = c->shared ? &c->lock : NULL;
    return chan_here(c, task_loop(me)->thread.errno_at);
}

static int init_event(struct pick *p, struct rota_task *me)
{
    struct event *e = event_of(p->of->object);
    if (!e->shared)
        return waiters_home(&e->waiters, task_loop(me)->thread.errno_at,
                            "event");
    p->lock = &e->shared->lock;
    return 0;
}

static int init_done(struct pick *p, struct rota_task *me)
{
    struct rota_future *f = p->of->object;
    if (f->runtime != me->runtime)
        return misuse(-EXDEV, "a future of another loop in a select");
    return 0;
}

int pick_init(struct pick *p, struct rota_task *me)
{
    p->lock = NULL;
    switch (p->of->kind) {
    case ROTA_CASE_SEND:
    case ROTA_CASE_RECV:
    case ROTA_CASE_TX:
    case ROTA_CASE_RX: return init_chan(p, me);
    case ROTA_CASE_EVENT: return init_event(p, me);
    case ROTA_CASE_DONE: return init_done(p, me);
    case ROTA_CASE_READABLE:
    case ROTA_CASE_WRITABLE:
    case ROTA_CASE_SIGNAL: pick_probe(p, task_loop(me)); return 0;
    default: return 0;
    }
}

int pick_try(struct pick *p, struct clause **peer)
{
    rota_case *of = p->of;
    switch (of->kind) {
    case ROTA_CASE_SEND:
    case ROTA_CASE_TX: return chan_put(chan_of(of), of->elem, peer);
    case ROTA_CASE_RECV:
    case ROTA_CASE_RX: return chan_get(chan_of(of), of->elem, peer);
    case ROTA_CASE_EVENT: return event_of(of->object)->set ? 0 : -EAGAIN;
    case ROTA_CASE_DONE: return rota_future_done(of->object) ? 0 : -EAGAIN;
    default: return pick_try_fd(p);
    }
}

void pick_wake(struct pick *p, struct clause *peer)
{
    if (peer) /* only channels have one */
        chan_wake(chan_of(p->of), peer);
}

static void done(struct watch *w)
{
    clause_fire(container_of(w, struct pick, watch)->clause, 0);
}

static bool unwatch(struct clause *c)
{
    list_remove(&((struct pick *)c->record)->watch.link);
    return true;
}

static const struct wait_holder awaited = {
    .at = offsetof(struct rota_future, task),
};

static const struct wait_kind done_wait = { "await", unwatch, &awaited };

int pick_wait(struct pick *p, struct loop *l)
{
    rota_case *of = p->of;
    struct clause *c = p->clause;
    switch (of->kind) {
    case ROTA_CASE_SEND:
    case ROTA_CASE_TX:
        clause_init(c, &chan_send_wait, chan_of(of));
        c->record = of->elem;
        c->detail = (intptr_t)of->object;
        list_push(&chan_of(of)->senders, &c->link);
        break;
    case ROTA_CASE_RECV:
    case ROTA_CASE_RX:
        clause_init(c, &chan_recv_wait, chan_of(of));
        c->record = of->elem;
        c->detail = (intptr_t)of->object;
        list_push(&chan_of(of)->receivers, &c->link);
        break;
    case ROTA_CASE_EVENT:
        clause_init(c, &event_wait, of->object);
        waiters_push(&event_of(of->object)->waiters, c);
        break;
    case ROTA_CASE_DONE:
        clause_init(c, &done_wait, of->object);
        c->record = p;
        p->watch.fire = done;
        list_push(&((struct rota_future *)of->object)->watches, &p->watch.link);
        break;
    default: return pick_wait_fd(p, l);
    }
    return 0;
}
