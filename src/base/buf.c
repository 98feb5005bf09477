/*
 * The growing byte buffer. It compacts instead of growing while half of it is
 * free, so a stream that is read as fast as it is filled never reallocates.
 */
#include "base/buf.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { BUF_SMALLEST = 256 };

/* Moves what is held to the start, so that the space taken is used again. */
static void compact(struct buf *b)
{
    if (b->begin == 0)
        return;
    memmove(b->data, b->data + b->begin, buf_len(b));
    b->end -= b->begin;
    b->begin = 0;
}

char *buf_grow(struct buf *b, size_t n)
{
    size_t len = buf_len(b);
    if (n > SIZE_MAX / 2 - len)
        return NULL;
    if (b->size >= (len + n) * 2) {
        compact(b);
        return b->data + b->end;
    }
    size_t size = b->size ? b->size : BUF_SMALLEST;
    while (size < len + n)
        size *= 2;
    char *data = malloc(size);
    if (!data)
        return NULL;
    if (len)
        memcpy(data, buf_head(b), len);
    free(b->data);
    *b = (struct buf){ data, 0, len, size };
    return data + len;
}

int buf_append(struct buf *b, const void *bytes, size_t n)
{
    if (n == 0)
        return 0;
    char *to = buf_reserve(b, n);
    if (!to)
        return -ENOMEM;
    memcpy(to, bytes, n);
    buf_commit(b, n);
    return 0;
}

void buf_take(struct buf *b, size_t n)
{
    b->begin += n;
    if (b->begin == b->end)
        b->begin = b->end = 0;
}

void buf_fini(struct buf *b)
{
    free(b->data);
    *b = (struct buf){ 0 };
}
