/*
 * A queue of pointers between tasks: first in first out, last in first out, or
 * by priority. It may be bounded; then who puts waits for room, as who gets
 * waits for an item. An item goes straight to the task that waits first:
 * nobody comes in between.
 *
 *     struct job *j;
 *     rc = rota_queue_get(q, &j);
 *
 * It belongs to one thread: on another every call is misuse, -EXDEV. Calls that
 * do not suspend may also be made by a callback of the loop.
 */
#ifndef ROTA_QUEUE_H
#define ROTA_QUEUE_H

#include <stddef.h>
#include <stdint.h>

#include "rota/future.h"

typedef struct rota_queue rota_queue;

enum rota_queue_kind {
    ROTA_QUEUE_FIFO,
    ROTA_QUEUE_LIFO,
    ROTA_QUEUE_PRIORITY, /* lower first; equal ones first in first out */
};

/*
 * A queue with one reference, for at most `most` items (0: any number). `dtor`
 * (may be NULL) frees items that nobody got. NULL when there is no memory.
 * Suspends: no.
 */
ROTA_API rota_queue *rota_queue_new(enum rota_queue_kind kind, size_t most,
                                    rota_cb *dtor);

/* Counts references. With the last it goes, with the items in it; that tasks
 * wait is then misuse (-EBUSY, and the queue stays). */
ROTA_API rota_queue *rota_queue_ref(rota_queue *q);
ROTA_API void rota_queue_unref(rota_queue *q);

/*
 * Waits for room and puts `item` (may be NULL) in, which is then the queue's.
 * 0; else it is still the caller's: -ECANCELED; -EPIPE, shut down; -ENOMEM;
 * misuse: -EPERM outside of tasks. The priority of a plain put is 0; queues of
 * other kinds do not look at it. Suspends: yes. Cancel: the place among those
 * who put.
 */
ROTA_API int rota_queue_put(rota_queue *q, void *item) ROTA_MUST;
ROTA_API int rota_queue_put_priority(rota_queue *q, void *item,
                                     int64_t priority) ROTA_MUST;

/* The same if there is room: 0, -EAGAIN, -EPIPE, -ENOMEM. Suspends: no. */
ROTA_API int rota_queue_try_put(rota_queue *q, void *item) ROTA_MUST;
ROTA_API int rota_queue_try_put_priority(rota_queue *q, void *item,
                                         int64_t priority) ROTA_MUST;

/*
 * Waits for an item and takes it into the pointer at `item`, which is untouched
 * when it fails: -ECANCELED; -EPIPE, shut down and empty; misuse: -EPERM
 * outside of tasks. Suspends: yes. Cancel: the place among those who get.
 */
ROTA_API int rota_queue_get(rota_queue *q, void *item) ROTA_MUST;

/* The same if there is one: 0, -EAGAIN, -EPIPE. Suspends: no. */
ROTA_API int rota_queue_try_get(rota_queue *q, void *item) ROTA_MUST;

/* Anything but the address of a pointer does not compile. */
#define rota_queue_get(q, item) rota_queue_get((q), ROTA_POINTER_AT_(item))
#define rota_queue_try_get(q, item) \
    rota_queue_try_get((q), ROTA_POINTER_AT_(item))
#define ROTA_POINTER_AT_(at) ((void)sizeof(*(at) == (void *)0), (void *)(at))

/* Says that an item taken before is dealt with: 0, or -EINVAL when all that
 * came in are. Suspends: no. */
ROTA_API int rota_queue_task_done(rota_queue *q);

/*
 * Waits until all items that came in are dealt with, or were since the call.
 * 0, -ECANCELED; misuse: -EPERM outside of tasks. Suspends: yes. Cancel:
 * nothing is lost.
 */
ROTA_API int rota_queue_join(rota_queue *q) ROTA_MUST;

/*
 * Lets nothing in any more: who puts gets -EPIPE, and who gets does once the
 * queue is empty. ROTA_QUEUE_DROP: what is in it is freed at once, and counts
 * as dealt with. 0, also the second time. Suspends: no.
 */
enum rota_queue_shutdown { ROTA_QUEUE_DRAIN, ROTA_QUEUE_DROP };
ROTA_API int rota_queue_shutdown(rota_queue *q, enum rota_queue_shutdown how);

/* The items in it; those not dealt with yet; the tasks that wait to get, put
 * or join (they are counted). */
ROTA_API size_t rota_queue_size(const rota_queue *q);
ROTA_API size_t rota_queue_unfinished(const rota_queue *q);
ROTA_API size_t rota_queue_waiters(const rota_queue *q);

#endif
