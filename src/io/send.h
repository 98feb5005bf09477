/*
 * Writing all of it, within one call on a descriptor: as many ops as that
 * takes, since a length may be more than one of them, or one system call, can
 * tell. Each returns 0 or an error, and either way adds to *done the bytes that
 * went out.
 */
#ifndef IO_SEND_H
#define IO_SEND_H

#include <stddef.h>
#include <sys/uio.h>

#include "io/wait.h"

/* How the descriptor is written to. */
enum io_send_by {
    IO_SEND_BY_WRITE,  /* anything; the caller holds off SIGPIPE */
    IO_SEND_BY_SOCKET, /* send(2) and sendmsg(2) */
};

/* A list of vectors of which some bytes are gone. It is only read: a vector
 * that went out in part is finished by itself. */
struct io_vectors {
    const struct iovec *next;
    int count;     /* of those left, `next` first */
    size_t within; /* bytes of the first that are gone */
};

/* The bytes of `count` vectors together: at most SSIZE_MAX, or -EINVAL, also
 * for a negative count (as writev(2)). */
ssize_t io_vectors_size(const struct iovec *v, int count);

/* Moves on by `n` bytes of those left, and past vectors that are empty. */
void io_vectors_advance(struct io_vectors *v, size_t n);

int io_send_bytes(struct io_call *c, enum io_send_by by, const void *data,
                  size_t size, size_t *done) ROTA_INTERNAL(io_send_bytes);

/* The same for `v` of `size` bytes together. */
int io_send_vectors(struct io_call *c, enum io_send_by by, struct io_vectors *v,
                    size_t size, size_t *done) ROTA_INTERNAL(io_send_vectors);

/*
 * The same for a file: at most `count` bytes from `offset`, or as much as it
 * has. -EBADF also when `in_fd` was closed; what reading it says. The disk is
 * waited for on a pool thread.
 */
int io_send_file(struct io_call *c, int in_fd, off_t offset, size_t count,
                 size_t *done) ROTA_INTERNAL(io_send_file);

/* How io_send_copy's caller sends a piece: as io_send_bytes. */
typedef int io_send_fn(void *arg, const char *data, size_t size, size_t *done);

/* io_send_file in plain: what was read is given to fn(arg). */
int io_send_copy(struct io_call *c, int in_fd, off_t offset, size_t count,
                 io_send_fn *fn, void *arg, size_t *done);

#endif
