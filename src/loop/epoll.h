/*
 * The epoll backend as a part of another: what the ring leaves to readiness
 * (backend_uring.c) is submitted, cancelled and completed there by its table
 * of calls, and its descriptor is polled by the ring.
 */
#ifndef LOOP_EPOLL_H
#define LOOP_EPOLL_H

#include <stdbool.h>

struct fds;

/* The descriptor that is readable while events stand in it. */
int epoll_descriptor(const void *state);

/* True when there is something to complete, whatever becomes readable. */
bool epoll_has_due(const void *state);

/* What is armed there. */
struct fds *epoll_fds(void *state);

#endif
