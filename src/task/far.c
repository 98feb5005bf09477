/*
 * A request is added to the task's word; whoever found it 0 posts for all that
 * come until the loop takes the word. So one post is enough, however many ask.
 * When the loop is closed it takes no posts; then whoever found the word 0
 * takes it himself, and the counter of references, which the loop has kept
 * plain, is counted down by atomics.
 */
#include "task/far.h"

#include <errno.h>

#include "task/guest.h"
#include "task/runtime.h"
#include "task/task.h"

static unsigned drops_of(uint64_t asked)
{
    return (unsigned)(asked & (FAR_CANCEL - 1));
}

static unsigned cancels_of(uint64_t asked)
{
    return (unsigned)((asked & ~FAR_ARRIVE) / FAR_CANCEL);
}

void far_asked(struct post *p)
{
    struct rota_task *t = container_of(p, struct rota_task, far.post);
    uint64_t asked = atomic_exchange(&t->far.asked, 0);
    if (asked & FAR_ARRIVE)
        guest_arrive(t);
    for (unsigned n = cancels_of(asked); n > 0; n--)
        rota_task_cancel(t, atomic_load(&t->far.reason));
    t->done.refs -= drops_of(asked);
    if (t->done.refs == 0)
        task_free(t);
}

/* The run is over: all references left are of other threads. */
static void take_outlived(struct rota_task *t)
{
    unsigned drops = drops_of(atomic_exchange(&t->far.asked, 0));
    if (drops == 0)
        return;
    if (__atomic_sub_fetch(&t->done.refs, drops, __ATOMIC_ACQ_REL) == 0)
        task_free(t);
}

static void ask(struct rota_task *t, uint64_t what)
{
    struct loop *l = task_loop(t);
    if (atomic_fetch_add(&t->far.asked, what) != 0)
        return;
    if (loop_try_post(l, &t->far.post, POST_HANDLE) < 0)
        take_outlived(t);
}

bool far_is(const struct rota_task *t)
{
    return t->runtime != runtime_current();
}

void far_unref(struct rota_task *t)
{
    ask(t, FAR_DROP);
}

int far_cancel(struct rota_task *t, const char *reason)
{
    if (rota_task_done(t))
        return 0;
    const char *none = NULL;
    if (reason)
        atomic_compare_exchange_strong(&t->far.reason, &none, reason);
    ask(t, FAR_CANCEL);
    return 1;
}

/* At home. */
static void is_over(struct post *p)
{
    struct far_watch *w = container_of(p, struct far_watch, there);
    w->over(w);
}

static void send_home(struct watch *watch)
{
    struct far_watch *w = container_of(watch, struct far_watch, watch);
    w->there.run = is_over;
    loop_post(w->home, &w->there);
}

/* At the task's loop. */
static void attach(struct post *p)
{
    struct far_watch *w = container_of(p, struct far_watch, there);
    w->task->done.refs += w->holds;
    if (w->task->done.state == ROTA_PENDING && !task_is_abandoned(w->task))
        list_push(&w->task->done.watches, &w->watch.link);
    else
        send_home(&w->watch);
}

void far_abandon(struct rota_task *t)
{
    list_each_safe (it, &t->done.watches) {
        struct watch *w = container_of(it, struct watch, link);
        if (w->fire != send_home)
            continue;
        list_remove(it);
        send_home(w);
    }
}

static int watch_begin(struct far_watch *w, struct rota_task *t,
                       void (*over)(struct far_watch *w), bool holds)
{
    *w = (struct far_watch){
        .task = t,
        .home = loop_current(),
        .holds = holds,
        .over = over,
        .watch.fire = send_home,
        .there.run = attach,
    };
    list_init(&w->watch.link);
    return loop_try_post(task_loop(t), &w->there, POST_HANDLE);
}

int far_watch_begin(struct far_watch *w, struct rota_task *t,
                    void (*over)(struct far_watch *w))
{
    return watch_begin(w, t, over, false);
}

/* At home. */
static void is_back(struct post *p)
{
    struct far_watch *w = container_of(p, struct far_watch, recall);
    w->recalled(w);
}

/* At the task's loop. What it has sent home before comes home before. */
static void detach(struct post *p)
{
    struct far_watch *w = container_of(p, struct far_watch, recall);
    list_remove(&w->watch.link);
    w->recall.run = is_back;
    loop_post(w->home, &w->recall);
}

bool far_watch_recall(struct far_watch *w,
                      void (*recalled)(struct far_watch *w))
{
    w->recalled = recalled;
    w->recall.run = detach;
    return loop_try_post(task_loop(w->task), &w->recall, POST_HANDLE) == 0;
}

/* A task that waits for one of another loop. */
struct far_wait {
    struct clause clause;
    struct far_watch watch;
    bool over;
    bool recalling;
};

static struct far_wait *wait_of(struct far_watch *w)
{
    return container_of(w, struct far_wait, watch);
}

static void wait_over(struct far_watch *w)
{
    struct far_wait *wait = wait_of(w);
    wait->over = true;
    if (!wait->recalling)
        clause_fire(&wait->clause, 0);
}

static void wait_recalled(struct far_watch *w)
{
    struct far_wait *wait = wait_of(w);
    clause_fire(&wait->clause, wait->over ? 0 : -ECANCELED);
}

/* The frame must stand until the watch has come home. */
static bool withdraw(struct clause *c)
{
    struct far_wait *wait = container_of(c, struct far_wait, clause);
    wait->recalling = far_watch_recall(&wait->watch, wait_recalled);
    return false;
}

static const struct wait_holder awaited = { .form = HOLDER_OBJECT };
static const struct wait_kind far_await = { "await", withdraw, &awaited };

/* Parks for the end of the watched task, which came: 0; or why it did not. */
static int park(struct far_wait *w, struct rota_task *me, bool shielded)
{
    struct rota_task *t = w->watch.task;
    clause_init(&w->clause, &far_await, t);
    task_loop(me)->outside++; /* the other loop will post */
    int rc = shielded ? wait_park_shielded(me, &w->clause, 1)
                      : wait_park(me, &w->clause, 1);
    task_loop(me)->outside--;
    return rc == 0 && !rota_task_done(t) ? -ESHUTDOWN : rc;
}

int far_park(struct rota_task *t, struct rota_task *me, bool shielded)
{
    struct far_wait wait = { .over = false };
    int rc = far_watch_begin(&wait.watch, t, wait_over);
    if (rc < 0)
        return rota_task_done(t) ? 0 : rc;
    return park(&wait, me, shielded);
}

int far_join(struct rota_task *t, struct rota_task *me, rota_outcome *out)
{
    struct far_wait wait = { .over = false };
    if (rota_future_outcome(&t->done, out) == 0)
        return wait_done(me, 0);
    int rc = watch_begin(&wait.watch, t, wait_over, true);
    if (rc < 0)
        return rota_future_outcome(&t->done, out) == 0 ? 0 : rc;
    me->awaits = t;
    rc = park(&wait, me, false);
    me->awaits = NULL;
    if (rc == 0)
        rota_future_outcome(&t->done, out);
    far_unref(t);
    return rc;
}
