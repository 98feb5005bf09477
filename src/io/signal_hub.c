/*
 * The hub reads, on one descriptor, the signals that callbacks and channels
 * want to be told of, and tells all of them. What is wanted is the sum of its
 * listeners' sets; a signal that nobody wants any more is given back in the
 * same step.
 *
 * One for each thread that runs a loop. It lies in the thread's own memory:
 * its operation may outlast its last listener.
 */
#include "io/signal_hub.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/misuse.h"
#include "io/signal_take.h"
#include "loop/op.h"
#include "rota/error.h"
#include "rota/log.h"
#include "task/runtime.h"

enum { SIGNALS_PER_TURN = 64 }; /* a flood of them leaves room for others */

struct hub {
    struct runtime *rt; /* NULL: of none */
    struct signal_taken taken;
    struct list listeners;
    struct list *next; /* to be told of the signal at hand */
    struct op op;      /* waits until one is pending */
    struct ready ready;
    bool queued;
    struct runtime_ender ender;
};

/* Not inlined: the address must not be kept over a switch. */
__attribute__((noinline)) static struct hub *hub(void)
{
    static _Thread_local struct hub self;
    return &self;
}

static void queue(struct hub *h)
{
    if (h->queued)
        return;
    h->queued = true;
    loop_ready(&h->rt->loop, &h->ready);
}

/* Listeners may come and go, also the one that is being told. */
static void tell(struct hub *h, int number)
{
    for (h->next = h->listeners.next; h->next != &h->listeners;) {
        struct signal_listener *l =
            container_of(h->next, struct signal_listener, link);
        h->next = h->next->next;
        if (sigismember(&l->set, number) == 1)
            l->fn(l, number);
    }
    h->next = NULL;
}

/* Waits for the next one. What cannot be started now is tried again in the
 * next turn. */
static void await_next(struct hub *h)
{
    if (h->op.armed || list_empty(&h->listeners))
        return;
    h->op.fd = h->taken.fd;
    int rc = op_submit(&h->rt->loop, &h->op);
    if (rc < 0)
        rota_log(ROTA_LOG_ERROR, "waiting for signals: %s", rota_strerror(rc));
    if (rc != 0)
        queue(h);
}

static void dispatch(struct ready *r)
{
    struct hub *h = container_of(r, struct hub, ready);
    h->queued = false;
    int number = 0;
    for (int i = 0; i < SIGNALS_PER_TURN && !list_empty(&h->listeners); i++) {
        number = signal_read(h->taken.fd);
        if (number < 0)
            break;
        tell(h, number);
    }
    if (number > 0 && !list_empty(&h->listeners))
        queue(h);
    else
        await_next(h);
}

static void pending(struct op *op)
{
    queue(container_of(op, struct hub, op));
}

/* The kernel lets go of the operation, and the signals are given back. */
static void settle(struct hub *h)
{
    struct loop *l = &h->rt->loop;
    if (h->op.armed)
        op_cancel(l, &h->op);
    while (h->op.armed || h->queued)
        loop_turn(l);
    signal_give_back(&h->taken, NULL);
    if (h->taken.fd >= 0)
        op_close(l, h->taken.fd);
    h->taken.fd = -1;
}

static void hub_end(struct runtime_ender *e, bool forked)
{
    struct hub *h = container_of(e, struct hub, ender);
    while (list_pop(&h->listeners))
        ;
    if (forked)
        signal_forget_taken();
    else
        settle(h);
    if (h->taken.fd >= 0)
        close(h->taken.fd);
    h->rt = NULL;
}

static void hub_begin(struct hub *h, struct runtime *rt)
{
    *h = (struct hub){
        .rt = rt,
        .taken.fd = -1,
        .op = { .kind = OP_POLL, .events = POLLIN, .done = pending },
        .ready.run = dispatch,
        .ender.fn = hub_end,
    };
    list_init(&h->listeners);
    runtime_at_end(rt, &h->ender);
}

/* Takes those of `set` that are missing. */
static int want(struct hub *h, const sigset_t *set)
{
    sigset_t more = *set;
    signal_remove(&more, &h->taken.set);
    if (!signal_none(set) && signal_none(&more))
        return 0;
    int rc = signal_may_take(&more);
    return rc < 0 ? rc : signal_take(&h->taken, &more);
}

int signal_listen(struct signal_listener *l)
{
    struct runtime *rt = runtime_current();
    struct hub *h = hub();
    if (!rt)
        return misuse(-EPERM, "signals asked for on a thread without a loop");
    if (!h->rt)
        hub_begin(h, rt);
    int rc = want(h, &l->set);
    if (rc < 0)
        return rc;
    list_push(&h->listeners, &l->link);
    await_next(h);
    return 0;
}

void signal_unlisten(struct signal_listener *l)
{
    struct hub *h = hub();
    sigset_t spare = l->set;
    if (!h->rt || list_empty(&l->link))
        return;
    if (h->next == &l->link)
        h->next = l->link.next;
    list_remove(&l->link);
    list_each (it, &h->listeners)
        signal_remove(&spare,
                      &container_of(it, struct signal_listener, link)->set);
    signal_give_back(&h->taken, &spare);
    if (list_empty(&h->listeners) && h->op.armed)
        op_cancel(&h->rt->loop, &h->op);
}
