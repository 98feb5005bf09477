/*
 * Who uses a descriptor. While a call on it lasts, it is known to be in use:
 * closing asks all its users to end, waits until every one has, and only then
 * gives the number back. So no call can ever meet another file under its
 * number.
 */
#ifndef TASK_FD_USE_H
#define TASK_FD_USE_H

#include "base/list.h"
#include "task/task.h"

/* A close in progress; on the closing task's stack. */
struct fd_closing {
    struct list link;
    int fd;
    unsigned left; /* users that have not left */
    struct clause clause;
};

struct fd_use {
    struct list link; /* among those of this thread */
    int fd;
    bool writes; /* until it ends, and not just while an op is under way */
    struct fd_closing *closing; /* who waits for its end; NULL: nobody */
    /* The descriptor is being closed: the use is to end as soon as it can. */
    void (*leave)(struct fd_use *u);
};

/* 0, and fd_use_end must follow; -EBADF: it is being closed, or is none. */
int fd_use_begin(struct fd_use *u, int fd, void (*leave)(struct fd_use *u));
void fd_use_end(struct fd_use *u);

/* Makes it the one use that writes: 0, or -EBUSY when there is one. */
int fd_use_write(struct fd_use *u);

/* Is somebody closing it? */
bool fd_is_closing(int fd);

/* Has all users of `fd` leave, and waits until they have. The caller then
 * calls fd_closed and closes it, in the same step: once it is closed, the
 * number may be another's. Not ended by cancellation. 0; -EBADF: none, or
 * another task closes it. */
int fd_use_drain(struct rota_task *t, int fd, struct fd_closing *c);
void fd_closed(struct fd_closing *c);

/* Closes `fd` when all its users have left. Not ended by cancellation.
 * Returns close(2)'s result; -EBADF: none, or another task closes it. */
int fd_use_close(struct rota_task *t, int fd);

#endif
