/*
 * What is left of a list of vectors while it is written piece by piece. The
 * caller's list is only read: a vector that went out in part is finished by
 * itself, and then the whole ones go on.
 */
#ifndef IO_VECTOR_H
#define IO_VECTOR_H

#include <stddef.h>
#include <sys/uio.h>

struct vectors {
    const struct iovec *next;
    int count;     /* of those left, `next` first */
    size_t within; /* bytes of the first that are gone */
};

/* The bytes of `count` vectors together: at most SSIZE_MAX, or -EINVAL, also
 * for a negative count (as writev(2)). */
ssize_t vectors_size(const struct iovec *v, int count);

/* Moves on by `n` bytes of those left, and past vectors that are empty. */
void vectors_advance(struct vectors *v, size_t n);

#endif
