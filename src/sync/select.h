/*
 * Inside a select: a row of clauses, one for each case that can become ready
 * and one for the timeout, and beside each what its kind needs.
 */
#ifndef SYNC_SELECT_H
#define SYNC_SELECT_H

#include "loop/op.h"
#include "rota/select.h"
#include "sync/chan.h"
#include "sync/event.h"
#include "task/fd_use.h"

/* A case that can become ready, while it is looked at and waited for. */
struct pick {
    rota_case *of;
    struct clause *clause; /* of the row */
    pthread_mutex_t *lock; /* of what it is for; NULL: one thread's */
    int result;            /* of a descriptor: what was found before */
    union {
        struct watch watch;
        struct {
            struct op op;
            struct fd_use use;
            bool used; /* the use has begun */
        } io;
    };
};

/* May this task use what the case is for? 0, or a misuse. Sets up the rest of
 * the pick. */
int pick_init(struct pick *p, struct rota_task *me);

/* Under the locks: does it if it is ready; its result, or -EAGAIN. A peer that
 * is to be woken without the locks is in *peer. */
int pick_try(struct pick *p, struct clause **peer);

/* Tells the peer, without the locks. NULL is nothing. */
void pick_wake(struct pick *p, struct clause *peer);

/* Under the locks, the clause is armed: puts it where it will be fired. Not 0:
 * it is ready after all, with this result, and is to be fired without the
 * locks. */
int pick_wait(struct pick *p, struct loop *l);

/* The parts of these for a case that waits for a descriptor. */
bool pick_has_fd(const struct pick *p);
int pick_try_fd(struct pick *p);
int pick_wait_fd(struct pick *p, struct loop *l);

/* Before the locks: asks the kernel whether it is ready. */
void pick_probe(struct pick *p, struct loop *l);

/* It was won with `rc`: what the case's result is. -EAGAIN: what was there
 * has gone to somebody else. */
int pick_finish_fd(struct pick *p, int rc);

/* The wait is over. */
void pick_end_fd(struct pick *p);

#endif
