/*
 * The memory of a ring.
 */
#include "sync/ring.h"

#include <errno.h>
#include <stdlib.h>

enum { ROOM_LEAST = 16 };

int ring_init(struct ring *r, size_t size, size_t room)
{
    *r = (struct ring){ .size = size, .room = room };
    size_t bytes;
    if (size == 0 || room == 0)
        return 0;
    if (__builtin_mul_overflow(size, room, &bytes) || bytes > PTRDIFF_MAX)
        return -ENOMEM;
    r->slots = malloc(bytes);
    return r->slots ? 0 : -ENOMEM;
}

void ring_fini(struct ring *r)
{
    free(r->slots);
}

int ring_grow(struct ring *r)
{
    struct ring more;
    size_t room = r->room ? r->room * 2 : ROOM_LEAST;
    int rc = ring_init(&more, r->size, room);
    if (rc < 0)
        return rc;
    for (size_t i = 0; r->slots && i < r->count; i++)
        ring_push(&more, ring_at(r, i));
    more.count = r->count;
    ring_fini(r);
    *r = more;
    return 0;
}
