/*
 * Two connections joined: what one side sends the other gets.
 *
 * A task for each direction, and what it copies it does not keep: it receives
 * no more than the other side takes. So a side that reads slowly slows down who
 * writes to it, by TCP's own means, and never grows memory. The end of one
 * direction is passed on, and the other goes on until its own.
 */
#ifndef EXAMPLES_PUMP_H
#define EXAMPLES_PUMP_H

#include "rota.h"

/* Passes on all of one direction, and its end. */
static ROTA_ASYNC(pump, (rota_stream *, from), (rota_stream *, to))
{
    int rc = rota_stream_copy(to, from, NULL);
    return rc < 0 ? rc : rota_stream_write_eof(to);
}

/* Joins them until both directions have ended. When one fails, the group ends
 * the other. 0, also when a side has left without a word; a negative errno. */
static inline int pump_both_ways(rota_stream *a, rota_stream *b)
{
    rota_group g;
    int rc = rota_group_begin(&g, 0);
    if (rc < 0)
        return rc;
    rc = rota_group_create_task(&g, pump, a, b);
    if (rc == 0)
        rc = pump(b, a);
    rc = rota_group_end(&g, rc);
    return rc == -ECONNRESET || rc == -EPIPE ? 0 : rc;
}

#endif
