/*
 * Once. The work has a runner until it has succeeded; a runner that fails
 * makes the first waiter the runner in the same step.
 */
#include "rota/once.h"

#include "sync/waiters.h"

struct once {
    struct waiters waiters;
    struct rota_task *runner; /* who runs it now */
    bool done;
    int rc; /* of the run that succeeded */
};

static const char what[] = "once";

_Static_assert(sizeof(struct once) <= sizeof(rota_once),
               "rota_once must have room for struct once");

static const struct wait_holder runner = { .at =
                                               offsetof(struct once, runner) };
static const struct wait_kind once_wait = { what, NULL, &runner };

/* The runner's turn has ended with `rc`. */
static void finish(struct once *o, int rc)
{
    o->runner = NULL;
    if (rc >= 0) {
        o->done = true;
        o->rc = rc;
        waiters_fire_all(&o->waiters, 0);
    } else if (!waiters_empty(&o->waiters)) {
        struct clause *first = waiters_first(&o->waiters);
        o->runner = first->task;
        clause_fire(first, 0);
    }
}

/* Waits until it is done, or mine to run. */
static int wait(struct once *o, struct rota_task *me)
{
    return waiters_wait(&o->waiters, me, &once_wait, o, NULL, 0);
}

int rota_once_run(rota_once *once, rota_fn *fn, void *arg)
{
    struct once *o = (struct once *)once;
    struct rota_task *me;
    int rc = waiters_begin(&o->waiters, what, &me);
    if (rc < 0)
        return rc;
    if (o->done)
        return wait_done(me, o->rc);
    if (o->runner == me)
        return misuse(-EDEADLK, "a once run from inside itself");
    if (o->runner)
        rc = wait(o, me);
    else
        o->runner = me;
    if (rc < 0 || o->done)
        return rc < 0 ? rc : o->rc;
    rc = fn(arg);
    finish(o, rc);
    return rc;
}
