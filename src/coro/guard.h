/*
 * Guards: memory below a stack that kills who touches it. See guard.c.
 */
#ifndef CORO_GUARD_H
#define CORO_GUARD_H

#include <stdbool.h>
#include <stddef.h>

/* The size of a page, and of a guard; bytes. */
size_t guard_page(void);
size_t guard_size(void);

/* Makes [at, at + guard_size()) deadly, and as much at each of the next
 * `count` - 1 multiples of `stride` bytes from there. Returns for how many,
 * from the first one on, that was done; what is written to the others is
 * found by guard_broken only. */
size_t guards_install(char *at, size_t stride, size_t count);

/* `count` installed guards were unmapped together with their stacks. */
void guard_unmapped(size_t count);

/* True when somebody wrote into the end of a guard that is not installed. */
bool guard_broken(const char *at);

#endif
