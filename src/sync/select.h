/*
 * Inside a select: a row of clauses, one for each case that can become ready
 * and one for the timeout, and beside each what its kind needs.
 */
#ifndef SYNC_SELECT_H
#define SYNC_SELECT_H

#include "rota/select.h"
#include "sync/chan.h"
#include "sync/event.h"

/* A case that can become ready, while it is looked at and waited for. */
struct pick {
    rota_case *of;
    struct clause *clause; /* of the row */
    pthread_mutex_t *lock; /* of what it is for; NULL: one thread's */
    union {
        struct chan_wait chan;
        struct watch watch;
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

/* Under the locks, the clause is armed: puts it where it will be fired. */
void pick_wait(struct pick *p);

#endif
