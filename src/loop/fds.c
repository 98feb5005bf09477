/*
 * The table of descriptors: chunks of slots, never moved and never given back
 * before the loop ends, since a process uses the lowest numbers again.
 */
#include "loop/fds.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void fds_init(struct fds *t)
{
    memset(t, 0, sizeof *t);
    t->queue.last = &t->queue.first;
}

void fds_fini(struct fds *t)
{
    for (size_t i = 0; i < t->count; i++)
        free(t->chunks[i]);
    free(t->chunks);
}

static int grow(struct fds *t, size_t chunk)
{
    if (chunk >= t->count) {
        size_t count = chunk + 1 > t->count * 2 ? chunk + 1 : t->count * 2;
        struct fd_slot **more = realloc(t->chunks, count * sizeof *more);
        if (!more)
            return -ENOMEM;
        memset(more + t->count, 0, (count - t->count) * sizeof *more);
        t->chunks = more;
        t->count = count;
    }
    t->chunks[chunk] = calloc(FDS_CHUNK, sizeof **t->chunks);
    return t->chunks[chunk] ? 0 : -ENOMEM;
}

struct fd_slot *fds_make(struct fds *t, int fd)
{
    return grow(t, (size_t)fd / FDS_CHUNK) < 0 ? NULL : fds_find(t, fd);
}

bool fds_has(const struct fds *t, const struct op *op)
{
    const struct fd_slot *slot = fds_find(t, op->fd);
    return slot && (slot->in == op || slot->out == op);
}

bool fds_is_taken(const struct fds *t, const struct op *op)
{
    const struct fd_slot *slot = fds_find(t, op->fd);
    return slot &&
           ((op_receives(op) && slot->in) || (op_sends(op) && slot->out));
}

int fds_arm(struct fds *t, struct fd_slot *slot, struct op *op)
{
    bool in = op_receives(op), out = op_sends(op);
    if ((in && slot->in) || (out && slot->out))
        return -EBUSY;
    if (in)
        slot->in = op;
    if (out)
        slot->out = op;
    op->armed = true;
    t->armed++;
    return 0;
}

void fds_disarm(struct fds *t, struct fd_slot *slot, struct op *op)
{
    if (slot->in == op)
        slot->in = NULL;
    if (slot->out == op)
        slot->out = NULL;
    op->armed = false;
    t->armed--;
}

int fds_forget(struct fds *t, int fd)
{
    struct fd_slot *slot = fds_find(t, fd);
    if (!slot)
        return 0;
    if (slot->in || slot->out)
        return -EBUSY;
    /* It may be in the queue; there it is found with nothing armed. */
    *slot = (struct fd_slot){
        .next = slot->next,
        .queued = slot->queued,
        .generation = slot->generation + 1,
    };
    return 0;
}

int fds_end(const struct fds *t)
{
    return (int)(t->count * FDS_CHUNK);
}

void fds_each_op(const struct fds *t,
                 void (*fn)(const struct op *op, void *arg), void *arg)
{
    for (int fd = 0; fd < fds_end(t); fd++) {
        const struct fd_slot *slot = fds_find(t, fd);
        if (slot && slot->in)
            fn(slot->in, arg);
        if (slot && slot->out && slot->out != slot->in)
            fn(slot->out, arg);
    }
}

void fds_queue(struct fds *t, struct fd_slot *slot)
{
    if (slot->queued)
        return;
    slot->queued = true;
    slot->next = NULL;
    *t->queue.last = slot;
    t->queue.last = &slot->next;
}

struct fd_queue fds_take(struct fds *t)
{
    struct fd_queue batch = t->queue;
    t->queue.first = NULL;
    t->queue.last = &t->queue.first;
    return batch;
}

struct fd_slot *fds_pop(struct fd_queue *batch)
{
    struct fd_slot *slot = batch->first;
    if (!slot)
        return NULL;
    batch->first = slot->next;
    slot->queued = false;
    return slot;
}
