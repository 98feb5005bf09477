/*
 * How channels end: closed by hand, or by the last of their counted ends.
 * Whoever waits is told in the same step, in the order they came.
 */
#include <stdlib.h>

#include "sync/chan.h"
#include "sync/taken.h"

/* Takes those who wait in the queue on `end` (NULL: all of them), under the
 * lock, to be told by tell(). */
static void take(struct rota_chan *c, struct list *queue, const void *end,
                 struct list *taken)
{
    list_each_safe (it, queue) {
        struct clause *clause = container_of(it, struct clause, link);
        if (end && clause->detail != (intptr_t)end)
            continue;
        bool won = c->shared ? clause_take(clause) : clause_claim(clause);
        list_remove(it);
        if (won)
            list_push(taken, it);
    }
}

/* Without the lock. */
static void tell(struct rota_chan *c, struct list *taken, int rc)
{
    if (c->shared) {
        taken_deliver(taken, rc);
        return;
    }
    while (!list_empty(taken))
        clause_fire(container_of(taken->next, struct clause, link), rc);
}

static bool shut(struct rota_chan *c, struct list *taken)
{
    if (c->closed)
        return false;
    c->closed = true;
    take(c, &c->senders, NULL, taken);
    take(c, &c->receivers, NULL, taken);
    return true;
}

int rota_chan_close(rota_chan *c)
{
    if (!c)
        return -EINVAL;
    int rc = chan_here(c, &errno);
    if (rc < 0)
        return rc;
    struct list taken;
    list_init(&taken);
    chan_lock(c);
    bool was_open = shut(c, &taken);
    chan_unlock(c);
    tell(c, &taken, -EPIPE);
    return was_open ? 0 : -EALREADY;
}

size_t rota_chan_len(rota_chan *c)
{
    if (chan_here(c, &errno) < 0)
        return 0;
    chan_lock(c);
    size_t count = c->ring.count;
    chan_unlock(c);
    return count;
}

size_t rota_chan_cap(const rota_chan *c)
{
    return c->capacity;
}

/* A handle of either kind: both are one pointer to the channel. */
static void *open_end(struct rota_chan *c, size_t *count)
{
    struct rota_chan **end = malloc(sizeof *end);
    if (!end)
        return NULL;
    *end = rota_chan_ref(c);
    chan_lock(c);
    ++*count;
    chan_unlock(c);
    return end;
}

rota_chan_tx *rota_chan_open_tx(rota_chan *c)
{
    return chan_here(c, &errno) < 0 ? NULL : open_end(c, &c->tx_count);
}

rota_chan_rx *rota_chan_open_rx(rota_chan *c)
{
    return chan_here(c, &errno) < 0 ? NULL : open_end(c, &c->rx_count);
}

void rota_tx_close(rota_chan_tx *tx)
{
    if (!tx || chan_here(tx->chan, &errno) < 0)
        return;
    struct rota_chan *c = tx->chan;
    struct list mine, others;
    list_init(&mine);
    list_init(&others);
    chan_lock(c);
    take(c, &c->senders, tx, &mine);
    if (--c->tx_count == 0)
        shut(c, &others);
    chan_unlock(c);
    tell(c, &mine, -EBADF);
    tell(c, &others, -EPIPE);
    free(tx);
    rota_chan_unref(c);
}

void rota_rx_close(rota_chan_rx *rx)
{
    if (!rx || chan_here(rx->chan, &errno) < 0)
        return;
    struct rota_chan *c = rx->chan;
    struct list mine, others;
    struct ring left = { 0 };
    list_init(&mine);
    list_init(&others);
    chan_lock(c);
    take(c, &c->receivers, rx, &mine);
    if (--c->rx_count == 0) {
        shut(c, &others);
        left = c->ring;
        c->ring = (struct ring){ .size = left.size };
    }
    chan_unlock(c);
    tell(c, &mine, -EBADF);
    tell(c, &others, -EPIPE);
    chan_drop_all(c, &left);
    free(rx);
    rota_chan_unref(c);
}

int rota_tx_send(rota_chan_tx *tx, const void *elem)
{
    return tx ? chan_send(tx->chan, elem, tx) : -EINVAL;
}

int rota_tx_try_send(rota_chan_tx *tx, const void *elem)
{
    return tx ? chan_try_send(tx->chan, elem) : -EINVAL;
}

int rota_rx_recv(rota_chan_rx *rx, void *elem)
{
    return rx ? chan_recv(rx->chan, elem, rx) : -EINVAL;
}

int rota_rx_try_recv(rota_chan_rx *rx, void *elem)
{
    return rx ? chan_try_recv(rx->chan, elem) : -EINVAL;
}
