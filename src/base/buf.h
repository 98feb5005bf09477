/*
 * A growing byte buffer with a read end: bytes are appended at the back and
 * taken from the front, and are contiguous in between. An empty buffer that
 * was trimmed holds no memory, so an idle connection pays only for the struct.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stddef.h>

#include "rota/export.h"

struct buf {
    char *data;   /* heap, NULL when nothing is held */
    size_t begin; /* first byte not yet taken */
    size_t end;   /* one past the last byte */
    size_t size;  /* allocated bytes */
};

static inline size_t buf_len(const struct buf *b)
{
    return b->end - b->begin;
}

static inline char *buf_head(struct buf *b)
{
    return b->data + b->begin;
}

/* Makes the room that buf_reserve did not find. */
char *buf_grow(struct buf *b, size_t n) ROTA_INTERNAL(buf_grow);

/* Room for `n` more bytes at the back: where they go, NULL: no memory. */
static inline char *buf_reserve(struct buf *b, size_t n)
{
    if (b->data && b->size - b->end >= n)
        return b->data + b->end;
    return buf_grow(b, n);
}

/* Says that `n` bytes were written where buf_reserve pointed. */
static inline void buf_commit(struct buf *b, size_t n)
{
    b->end += n;
}

/* Appends a copy; 0 or -ENOMEM (nothing appended). */
int buf_append(struct buf *b, const void *bytes, size_t n)
    ROTA_INTERNAL(buf_append);

/* Takes `n` bytes from the front. */
void buf_take(struct buf *b, size_t n) ROTA_INTERNAL(buf_take);

/* Frees the memory and empties the buffer. */
void buf_fini(struct buf *b) ROTA_INTERNAL(buf_fini);

#endif
