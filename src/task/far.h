/*
 * Tasks of other loops, as seen from here. Whatever is done to a task is done
 * by its own loop; from elsewhere it is asked for. A handle may be dropped and
 * a task cancelled from any thread, which must not fail, so the request is
 * counted in the task itself and one post stands in its record. Waiting is a
 * watch that is put on the task there and comes back by a post.
 */
#ifndef TASK_FAR_H
#define TASK_FAR_H

#include <stdatomic.h>
#include <stdint.h>

#include "loop/inbox.h"
#include "task/future.h"

struct rota_task;

/* What others have asked of a task; in its record. */
struct far {
    struct post post; /* on its way while `asked` is not 0 */
    atomic_uint_fast64_t asked;
    _Atomic(const char *) reason; /* of the first cancel */
};

/* The parts of `asked`. */
#define FAR_DROP   ((uint64_t)1)       /* a reference less */
#define FAR_CANCEL ((uint64_t)1 << 32) /* a request to end more */
#define FAR_ARRIVE ((uint64_t)1 << 63) /* a guest that is to be let in */

/* The post's function. */
void far_asked(struct post *p);

/* Is the task of another loop than the running one, if any? */
bool far_is(const struct rota_task *t);

/* rota_task_unref and rota_task_cancel of such a task. */
void far_unref(struct rota_task *t);
int far_cancel(struct rota_task *t, const char *reason);

/* A watch on the end of a task of another loop. */
struct far_watch {
    struct rota_task *task;
    struct loop *home;
    bool holds; /* the task, by a reference of its own: far_unref follows */
    void (*over)(struct far_watch *w);     /* at home: the task is over */
    void (*recalled)(struct far_watch *w); /* at home: it is no longer
                                              watched, or was over before */
    struct watch watch;                    /* at the task; its loop's */
    struct post there;  /* goes there, and comes back when the task is over */
    struct post recall; /* goes there, and comes back at once */
};

/* Begins to watch: over(w) will be called on the running loop. 0, or
 * -ESHUTDOWN: the task's loop is closed. The caller holds a handle. */
int far_watch_begin(struct far_watch *w, struct rota_task *t,
                    void (*over)(struct far_watch *w));

/* Asks for it back: recalled(w) will be called, after over(w) if that came
 * first. False: the task's loop is closed, so only over(w) will. */
bool far_watch_recall(struct far_watch *w,
                      void (*recalled)(struct far_watch *w));

/* Parks the running task until `t` is over: as future_park; or -ESHUTDOWN: its
 * loop is closed, or has abandoned it. */
int far_park(struct rota_task *t, struct rota_task *me, bool shielded);

/* rota_join: another may drop the handle meanwhile. */
int far_join(struct rota_task *t, struct rota_task *me, rota_outcome *out);

/* `t` is abandoned, which its watches are told as its end. On its loop. */
void far_abandon(struct rota_task *t);

#endif
