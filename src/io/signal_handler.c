/*
 * Handlers of signals: callbacks of the loop, one for each signal.
 */
#include <errno.h>
#include <stdbool.h>

#include "io/signal_hub.h"
#include "rota/signal.h"

struct handler {
    struct signal_listener listener;
    rota_cb *fn;
    void *arg;
};

/* This thread's; NULL: there is no such signal. Not inlined: the address must
 * not be kept over a switch. */
__attribute__((noinline)) static struct handler *handler_of(int number)
{
    static _Thread_local struct handler all[NSIG];
    struct handler *h = number > 0 && number < NSIG ? &all[number] : NULL;
    if (h && !h->listener.link.next)
        list_init(&h->listener.link);
    return h;
}

static bool is_set(const struct handler *h)
{
    return h && !list_empty(&h->listener.link);
}

static void call(struct signal_listener *l, int number)
{
    (void)number;
    struct handler *h = container_of(l, struct handler, listener);
    h->fn(h->arg);
}

int rota_add_signal_handler(int number, rota_cb *fn, void *arg)
{
    struct handler *h = handler_of(number);
    if (!h || !fn)
        return -EINVAL;
    if (!is_set(h)) {
        sigemptyset(&h->listener.set);
        if (sigaddset(&h->listener.set, number) < 0)
            return -EINVAL;
        h->listener.fn = call;
        int rc = signal_listen(&h->listener);
        if (rc < 0)
            return rc;
    }
    h->fn = fn;
    h->arg = arg;
    return 0;
}

int rota_remove_signal_handler(int number)
{
    struct handler *h = handler_of(number);
    if (!is_set(h))
        return 0;
    signal_unlisten(&h->listener);
    return 1;
}
