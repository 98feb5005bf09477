/*
 * Clauses in the queue of an object that threads share. They are taken under
 * the object's lock and delivered without it: a delivery runs code of the
 * task's loop, which takes the locks of whatever else the task waited for.
 */
#ifndef SYNC_TAKEN_H
#define SYNC_TAKEN_H

#include <pthread.h>

#include "base/list.h"

/* Takes all clauses of the queue, under its lock; `taken` gets those that
 * were won. */
void taken_gather(struct list *queue, struct list *taken);

/* Delivers them, in their order. Without any lock. */
void taken_deliver(struct list *taken, int rc);

#endif
