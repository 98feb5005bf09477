/*
 * Lists of vectors.
 */
#include "io/vector.h"

#include <errno.h>
#include <limits.h>

ssize_t vectors_size(const struct iovec *v, int count)
{
    if (count < 0)
        return -EINVAL;
    size_t size = 0;
    for (int i = 0; i < count; i++) {
        if (v[i].iov_len > SSIZE_MAX - size)
            return -EINVAL;
        size += v[i].iov_len;
    }
    return (ssize_t)size;
}

void vectors_advance(struct vectors *v, size_t n)
{
    n += v->within;
    while (v->count > 0 && n >= v->next->iov_len) {
        n -= v->next->iov_len;
        v->next++;
        v->count--;
    }
    v->within = n;
}
