/*
 * Looking at the tasks of the loop as a whole: which there are, and whether
 * all of them wait. A task that yields to the next turn, and finds the queue
 * empty before and after, has seen a turn in which nothing else became ready.
 */
#include <errno.h>

#include "base/misuse.h"
#include "task/runtime.h"

size_t rota_all_tasks(rota_task **out, size_t n)
{
    struct runtime *rt = runtime_current();
    size_t count = 0;
    if (!rt)
        return 0;
    list_each (it, &rt->all) {
        struct rota_task *t = container_of(it, struct rota_task, in_runtime);
        if (t->done.state != ROTA_PENDING)
            continue;
        if (count < n)
            out[count] = rota_task_ref(t);
        count++;
    }
    return count;
}

/* Does nobody in this queue do more than look, as I do? */
static bool only_lookers(const struct ready_queue *q)
{
    for (const struct ready *r = q->first; r; r = r->next) {
        if (r->run)
            return false;
        const struct loop_coro *co =
            container_of(r, const struct loop_coro, ready);
        if (!container_of(co, const struct rota_task, co)->blocked)
            return false;
    }
    return true;
}

static bool quiet(const struct loop *l)
{
    return only_lookers(&l->ready) && timers_next(&l->timers) > rota_now();
}

/* Lets others run until a turn of the loop has begun. */
static void let_turn_begin(struct rota_task *me)
{
    struct loop *l = task_loop(me);
    for (uint64_t turns = l->turns; l->turns == turns;)
        task_yield(me);
}

static int wait_for_quiet(struct rota_task *me)
{
    struct loop *l = task_loop(me);
    bool before;
    int rc;
    me->blocked = true;
    do {
        before = quiet(l);
        let_turn_begin(me);
        rc = wait_begin(&me);
    } while (rc == 0 && !(before && quiet(l)));
    me->blocked = false;
    return rc;
}

/* What changes when another task runs, if only to end. */
struct tally {
    rota_time when;
    uint64_t made;
    size_t alive;
};

static struct tally take_tally(const struct runtime *rt)
{
    return (struct tally){ rota_now(), rt->loop.made, rt->tasks };
}

static bool stirred(struct rota_task *me, const struct tally *before)
{
    struct runtime *rt = me->runtime;
    if (rt->loop.made != before->made || rt->tasks != before->alive ||
        !quiet(&rt->loop))
        return true;
    list_each (it, &rt->all) {
        struct rota_task *t = container_of(it, struct rota_task, in_runtime);
        if (t != me && t->since >= before->when)
            return true;
    }
    return false;
}

int rota_wait_all_blocked(rota_dur cushion)
{
    struct rota_task *me;
    int rc = wait_begin(&me);
    while (rc == 0) {
        rc = wait_for_quiet(me);
        if (rc < 0 || cushion <= 0)
            break;
        struct tally before = take_tally(me->runtime);
        rc = rota_sleep(cushion);
        if (rc == 0 && !stirred(me, &before))
            break;
    }
    return rc;
}
