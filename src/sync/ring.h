/*
 * A ring of elements of one size, first in, first out. It has room for so
 * many, or grows.
 */
#ifndef SYNC_RING_H
#define SYNC_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct ring {
    unsigned char *slots; /* NULL: no room, or elements of no size */
    size_t size;          /* of an element, bytes */
    size_t room;          /* elements */
    size_t first;
    size_t count;
};

/* With room for `room` elements: 0, or -ENOMEM. */
int ring_init(struct ring *r, size_t size, size_t room);
void ring_fini(struct ring *r);

/* Doubles the room: 0, or -ENOMEM. */
int ring_grow(struct ring *r);

/* Copies an element of a usual size, without a call; false: it is not. */
static inline bool ring_copy_word(const struct ring *r, void *to,
                                  const void *from)
{
    if (r->size == sizeof(uint64_t))
        memcpy(to, from, sizeof(uint64_t));
    else if (r->size == sizeof(uint32_t))
        memcpy(to, from, sizeof(uint32_t));
    else
        return false;
    return true;
}

static inline void ring_copy(const struct ring *r, void *to, const void *from)
{
    if (!ring_copy_word(r, to, from) && r->size)
        memcpy(to, from, r->size);
}

static inline bool ring_full(const struct ring *r)
{
    return r->count == r->room;
}

/* The element `i` places after the first. */
static inline void *ring_at(const struct ring *r, size_t i)
{
    if (!r->slots)
        return NULL;
    i = i < r->room - r->first ? r->first + i : i - (r->room - r->first);
    return r->slots + i * r->size;
}

/* To a ring that is not full. */
static inline void ring_push(struct ring *r, const void *elem)
{
    ring_copy(r, ring_at(r, r->count), elem);
    r->count++;
}

/* The first element goes, from a ring that is not empty. */
static inline void ring_drop(struct ring *r)
{
    r->first = r->first + 1 == r->room ? 0 : r->first + 1;
    r->count--;
}

static inline void ring_pop(struct ring *r, void *elem)
{
    ring_copy(r, elem, ring_at(r, 0));
    ring_drop(r);
}

#endif
