/*
 * Valgrind does not see what arrives through a ring, so it is told. Without it
 * all this is nothing.
 */
#ifndef LOOP_URING_WROTE_H
#define LOOP_URING_WROTE_H

#include <stddef.h>
#include <sys/socket.h>

#ifdef ROTA_VALGRIND
#include <valgrind/memcheck.h>
#endif

static inline void uring_wrote(const void *data, size_t n)
{
#ifdef ROTA_VALGRIND
    VALGRIND_MAKE_MEM_DEFINED(data, n);
#else
    (void)data, (void)n;
#endif
}

static inline void uring_wrote_vectors(const struct iovec *v, size_t count,
                                       size_t n)
{
    for (size_t i = 0; i < count && n > 0; i++) {
        size_t part = n < v[i].iov_len ? n : v[i].iov_len;
        uring_wrote(v[i].iov_base, part);
        n -= part;
    }
}

static inline void uring_wrote_message(const struct msghdr *m, size_t n)
{
    uring_wrote(m->msg_name, m->msg_name ? m->msg_namelen : 0);
    uring_wrote(m->msg_control, m->msg_controllen);
    uring_wrote_vectors(m->msg_iov, m->msg_iovlen, n);
}

#endif
