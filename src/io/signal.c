/*
 * Signals that tasks wait for. A signal is taken from the kernel only in the
 * moment a task returns with it; until then it is pending, which is why
 * nothing is lost when the handle is closed.
 */
#include "rota/signal.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/misuse.h"
#include "io/signal_take.h"
#include "io/wait.h"
#include "sync/source.h"
#include "task/runtime.h"

struct rota_signals {
    struct source source; /* first: select finds it there */
    struct runtime_ender ender;
    struct signal_taken taken;
};

/* Its loop ends, and it is still open; or this is a child, where the mask is
 * somebody else's business. The handle itself is its owner's to close. */
static void give_up(struct runtime_ender *e, bool forked)
{
    rota_signals *s = container_of(e, rota_signals, ender);
    close(s->taken.fd);
    s->taken.fd = s->source.fd = -1;
    if (forked)
        signal_forget_taken();
    else
        signal_give_back(&s->taken, NULL);
}

static int take(struct source *s)
{
    return signal_read(s->fd);
}

int rota_signals_open(const sigset_t *set, rota_signals **signals)
{
    struct runtime *rt = runtime_current();
    if (!rt)
        return misuse(-EPERM, "rota_signals_open on a thread without a loop");
    int rc = signal_may_take(set);
    if (rc < 0)
        return rc;
    struct rota_signals *s = malloc(sizeof *s);
    if (!s)
        return -ENOMEM;
    s->taken = (struct signal_taken){ .fd = -1 };
    rc = signal_take(&s->taken, set);
    if (rc < 0) {
        free(s);
        return rc;
    }
    s->source = (struct source){ s->taken.fd, take };
    s->ender.fn = give_up;
    runtime_at_end(rt, &s->ender);
    *signals = s;
    return 0;
}

int rota_signal_next(rota_signals *s)
{
    struct io_call c;
    int rc = io_begin(&c, s->taken.fd);
    if (rc < 0)
        return rc;
    int number = signal_read(c.op.fd);
    while (number == -EAGAIN) {
        rc = io_await_events(&c, POLLIN);
        number = rc < 0 ? rc : signal_read(c.op.fd);
    }
    return io_end(&c, number);
}

void rota_signals_close(rota_signals *s)
{
    if (!s)
        return;
    struct rota_task *t = task_current();
    if (!t) {
        rota_ignore(misuse(-EPERM, "rota_signals_close outside of a task"));
        return;
    }
    if (s->taken.fd >= 0) {
        rota_ignore(io_close(t, s->taken.fd));
        s->taken.fd = -1;
        signal_give_back(&s->taken, NULL);
    }
    list_remove(&s->ender.link);
    free(s);
}
