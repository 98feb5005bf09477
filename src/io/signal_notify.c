/*
 * Signals into channels, as in Go. Whoever reads a signal never waits for a
 * channel to have room: a number that does not fit is kept, once, and a task
 * that lives only so long sends it when there is.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "io/signal_hub.h"
#include "rota/chan.h"
#include "rota/error.h"
#include "rota/log.h"
#include "rota/signal.h"
#include "rota/task.h"
#include "sync/chan.h"

struct rota_signal_sub {
    struct signal_listener listener;
    rota_chan *chan;
    sigset_t kept;     /* did not fit */
    rota_task *sender; /* of those; NULL: there are none */
    bool stopped;      /* freed by the sender */
};

static void sub_free(struct rota_signal_sub *s)
{
    rota_chan_unref(s->chan);
    free(s);
}

/* Takes one of those kept; 0: there is none. */
static int take_kept(struct rota_signal_sub *s)
{
    for (int i = 1; i <= SIGRTMAX; i++)
        if (sigismember(&s->kept, i) == 1) {
            sigdelset(&s->kept, i);
            return i;
        }
    return 0;
}

static int send_kept(void *arg)
{
    struct rota_signal_sub *s = arg;
    int number, rc = 0;
    while (rc == 0 && (number = take_kept(s)) != 0)
        rc = rota_chan_send(s->chan, &number);
    rota_task_unref(s->sender);
    s->sender = NULL;
    if (s->stopped)
        sub_free(s);
    return 0;
}

static void keep(struct rota_signal_sub *s, int number)
{
    sigaddset(&s->kept, number);
    if (s->sender)
        return;
    s->sender = rota_spawn(send_kept, s, NULL);
    if (!s->sender) /* it goes with the next one */
        rota_log(ROTA_LOG_ERROR, "signal %d waits: %s", number,
                 rota_strerror(-ENOMEM));
}

static void notify(struct signal_listener *l, int number)
{
    struct rota_signal_sub *s =
        container_of(l, struct rota_signal_sub, listener);
    int rc = rota_chan_try_send(s->chan, &number);
    if (rc == -EPIPE)
        signal_unlisten(l);
    else if (rc < 0)
        keep(s, number);
}

int rota_signal_notify(rota_chan *c, const sigset_t *set, rota_signal_sub **sub)
{
    if (!c || c->ring.size != sizeof(int))
        return -EINVAL;
    struct rota_signal_sub *s = malloc(sizeof *s);
    if (!s)
        return -ENOMEM;
    *s = (struct rota_signal_sub){ { .set = *set, .fn = notify }, c };
    list_init(&s->listener.link);
    int rc = signal_listen(&s->listener);
    if (rc < 0) {
        free(s);
        return rc;
    }
    rota_chan_ref(c);
    *sub = s;
    return 0;
}

void rota_signal_stop(rota_signal_sub *s)
{
    if (!s)
        return;
    signal_unlisten(&s->listener);
    s->stopped = true;
    if (s->sender)
        rota_task_cancel(s->sender, "the signals are not wanted any more");
    else
        sub_free(s);
}
