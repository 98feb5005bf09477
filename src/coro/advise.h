/*
 * madvise() for many pieces of memory in one system call.
 */
#ifndef CORO_ADVISE_H
#define CORO_ADVISE_H

#include <stddef.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

enum { ADVISE_MOST = 64 };

/* Advises `count` pieces, at most ADVISE_MOST, of `size` bytes each, `stride`
 * bytes from one to the next. Returns how many of them, from the first one
 * on, took it; 0 where the system cannot do this. */
size_t advise_each(char *at, size_t size, size_t stride, size_t count,
                   int advice);

#endif
