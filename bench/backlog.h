/*
 * How much room a listening socket's accept queue has. When it is full the
 * kernel drops a SYN without a word and the client tries again a second later;
 * a burst would then measure that second, and not the server.
 */
#ifndef BENCH_BACKLOG_H
#define BENCH_BACKLOG_H

#include <stdint.h>

/* Opens the kernel's socket diagnosis. Returns it or a negative errno. */
int backlog_open(void);

/* Free places in the accept queue of 127.0.0.1:port. Returns 0 or more, or a
 * negative errno if the kernel does not tell. */
int backlog_room(int diag, uint16_t port);

#endif
