/*
 * Task groups: tasks that end before the block that started them does.
 *
 *     rota_group g;
 *     rota_group_begin(&g, 0);
 *     rota_ignore(rota_group_create_task(&g, fetch, "http://a", 3));
 *     rota_ignore(rota_group_create_task(&g, fetch, "http://b", 3));
 *     int rc = rota_group_end(&g, 0);
 *
 * When one fails the others are cancelled; the end waits for all of them and
 * returns the first error.
 */
#ifndef ROTA_GROUP_H
#define ROTA_GROUP_H

#include "rota/task.h"

/* Lives where the caller puts it, from begin to end (and longer, for
 * rota_group_errors). */
typedef struct rota_group {
    void *private_[36];
} rota_group;

enum rota_group_flags {
    /* A failing member does not cancel the others. */
    ROTA_GROUP_ISOLATE = 1 << 0,
    /* It was set to ROTA_GROUP_INIT: one that was cancelled since is cancelled
     * on entry. */
    ROTA_GROUP_PREPARED = 1 << 1,
    /* The first member that ends well cancels the others, and rota_group_end
     * returns 0; failures cancel nobody, and the last one is returned when
     * no member ended well. */
    ROTA_GROUP_ANY = 1 << 2,
};

/* For a group that may be cancelled before it begins. */
#define ROTA_GROUP_INIT ((rota_group){ { 0 } })

/* Opens a group of the calling task, as a scope inside its innermost one: 0,
 * or -EPERM outside a task. Suspends: no. */
ROTA_API int rota_group_begin(rota_group *g, unsigned flags);

/*
 * Spawns fn(arg) into the group; `out` (may be NULL) receives an owned handle.
 * Allowed while the group is open, also after it was cancelled (the task
 * starts, and meets the cancel at its first suspending call). 0; -ENOMEM, or
 * -ESHUTDOWN after the end: `arg` is still the caller's. Suspends: no, unless
 * the group is full (rota_group_limit): then until a member has ended, and it
 * may also return -ECANCELED. Misuse: -EXDEV on another thread than the group's
 * loop's; a task there may ask for a member by a post (rota/loop.h).
 */
#define rota_group_spawn(g, fn, arg, options, out) \
    rota_group_spawn_at(g, fn, arg, options, out, #fn, ROTA_HERE)
ROTA_API int rota_group_spawn_at(rota_group *g, rota_fn *fn, void *arg,
                                 const rota_task_options *options,
                                 rota_task **out, const char *name,
                                 const char *site) ROTA_MUST;

/* The same, but a full group is -EAGAIN. Suspends: never. */
#define rota_group_try_spawn(g, fn, arg, options, out) \
    rota_group_try_spawn_at(g, fn, arg, options, out, #fn, ROTA_HERE)
ROTA_API int rota_group_try_spawn_at(rota_group *g, rota_fn *fn, void *arg,
                                     const rota_task_options *options,
                                     rota_task **out, const char *name,
                                     const char *site) ROTA_MUST;

/* The typed form, as rota_create_task: 0 or an error. */
#define rota_group_create_task(g, name, ...)                         \
    rota_group_spawn_copy(g, name##_rota_entry,                      \
                          &(struct name##_rota_args){ __VA_ARGS__ }, \
                          sizeof(struct name##_rota_args), #name, ROTA_HERE)
ROTA_API int rota_group_spawn_copy(rota_group *g, rota_fn *fn, const void *args,
                                   size_t size, const char *name,
                                   const char *site) ROTA_MUST;

/*
 * Spawns fn(arg) and waits until it has called rota_task_started(value): a
 * server that listens, a connection that is up. Until then it runs under the
 * caller; then it becomes a member of the group, with all it has opened, and
 * `value` (may be NULL) receives what it gave. The group stays open meanwhile,
 * and its place in a limit is taken from the beginning.
 *
 * 0; or why it did not start, the group untouched: its error; -EPROTO, it
 * returned without a word; -ROTA_ECHILD, somebody cancelled it; -ECANCELED, I
 * was, and so was it: in all these cases it has ended. -ENOMEM, -ESHUTDOWN: it
 * was not spawned, `arg` is still the caller's. Suspends: yes. Cancel: the
 * task has seen it and ended.
 */
#define rota_group_start(g, fn, arg, value) \
    rota_group_start_at(g, fn, arg, value, #fn, ROTA_HERE)
ROTA_API int rota_group_start_at(rota_group *g, rota_fn *fn, void *arg,
                                 void **value, const char *name,
                                 const char *site) ROTA_MUST;

/*
 * The running task is up: whoever is in rota_group_start gets `value`. 0;
 * -EALREADY: nobody waits for that, it was said before or the task was spawned
 * otherwise; -ECANCELED: who waited was cancelled, the task is to end, and
 * `value` is still its own. Suspends: no.
 */
ROTA_API int rota_task_started(void *value);

/* Has spawns wait while `most` members live, in order of their coming; 0: no
 * limit. Suspends: no. */
ROTA_API void rota_group_limit(rota_group *g, size_t most);

/*
 * Ends the group: waits for all members, not cancellably. `body_rc` is the
 * result of the work in between: an error cancels the members. Returns the
 * first error; else -ECANCELED when an outer cancellation cut something
 * inside; else 0. Suspends: always.
 */
ROTA_API int rota_group_end(rota_group *g, int body_rc) ROTA_MUST;

/* Cancels body and members; rota_group_end then returns 0 unless something
 * failed. Misuse: on another thread than the group's loop's. */
ROTA_API void rota_group_cancel(rota_group *g, const char *reason);

/* The errors in order of their coming, at most `n` (and at most 16) into
 * `codes`; returns how many there were. May be asked after the end. */
ROTA_API size_t rota_group_errors(const rota_group *g, int *codes, size_t n);

#endif
