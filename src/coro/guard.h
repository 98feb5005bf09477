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

/* Makes [at, at + guard_size()) deadly. False: that could not be done; what
 * was written there is then found by guard_broken only. */
bool guard_install(char *at);

/* `count` installed guards were unmapped together with their stacks. */
void guard_unmapped(size_t count);

/* True when somebody wrote into the end of a guard that is not installed. */
bool guard_broken(const char *at);

#endif
