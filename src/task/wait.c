/*
 * The wait protocol: how a call of a task begins, parks, is finished by
 * exactly one of completion and cancellation, and ends.
 *
 * Within a thread the first to fire a clause has won, since nothing else runs
 * meanwhile. A wait that other threads may end has one atomic word (struct
 * claim) that all of them, and the own thread too, have to win first;
 * tests/task/claim.pml is a model of it.
 */
#include <errno.h>

#include "base/misuse.h"
#include "rota/log.h"
#include "task/runtime.h"
#include "task/task.h"

enum {
    SPIN_WARN = 8, /* deliveries of one cancellation that are still normal */
    SPIN_MOST = 9, /* doublings of the back-off: 100 us to 50 ms */
};

static const rota_dur spin_pause = 100 * 1000;

enum claim_word {
    CLAIM_OPEN,
    CLAIM_WON,   /* by the task's own thread */
    CLAIM_TAKEN, /* by whoever will deliver it: perhaps another thread */
};

/* Marks the scopes whose cancellation this call reports. Not inlined: a wait
 * would save registers for it. */
static __attribute__((noinline)) void note_delivery(struct rota_task *t)
{
    for (struct scope *s = t->scope; s && s->visible;
         s = s->shield ? NULL : s->parent)
        s->delivered = true;
    if (++t->deliveries == SPIN_WARN)
        rota_log(ROTA_LOG_WARNING,
                 "task %s (spawned at %s) ignores its cancellation (%s): "
                 "a call returned -ECANCELED %d times",
                 t->co.coro.name, t->co.coro.site ? t->co.coro.site : "?",
                 rota_cancel_reason(), SPIN_WARN);
}

/* Reports the cancellation to a task that has not parked. The delivery lets
 * others run; a task that ignores it is slowed down, so that it costs at most
 * 20 wake-ups a second instead of a core. */
static int deliver(struct rota_task *t)
{
    note_delivery(t);
    if (t->deliveries <= SPIN_WARN) {
        task_yield(t);
        return -ECANCELED;
    }
    unsigned doublings = t->deliveries - SPIN_WARN;
    if (doublings > SPIN_MOST)
        doublings = SPIN_MOST;
    task_sleep_shielded(t, rota_now() + (spin_pause << doublings));
    return -ECANCELED;
}

int wait_refuse(struct rota_task *t)
{
    if (!t)
        return misuse(-EPERM, "a suspending call outside of a task");
    return deliver(t);
}

/* The wait begins: its clauses, which know their task, may fire. */
static inline void begin(struct loop *l, struct rota_task *t,
                         struct clause *clauses, unsigned count, bool shielded)
{
    t->clauses = clauses;
    t->clause_count = count;
    t->lingering = 0;
    t->shielded = shielded;
    t->interrupted = false;
    t->since = l->now;
}

static inline void arm(struct loop *l, struct rota_task *t,
                       struct clause *clauses, unsigned count, bool shielded)
{
    for (unsigned i = 0; i < count; i++)
        clauses[i].task = t;
    begin(l, t, clauses, count, shielded);
}

/* What the wait that is over returns. */
static inline int outcome(struct rota_task *t)
{
    if (t->interrupted && t->wake_rc == -ECANCELED)
        note_delivery(t);
    return t->wake_rc;
}

static __attribute__((noinline)) int won_after(struct coro_thread *thread)
{
    coro_resume(thread);
    return outcome(container_of(thread->current, struct rota_task, co.coro));
}

/* A wait goes on here. The usual way calls nothing, so that it saves no
 * registers. */
static int won(struct coro_thread *thread)
{
    struct rota_task *t =
        container_of(thread->current, struct rota_task, co.coro);
    if (!coro_is_plain(thread) || t->interrupted)
        return won_after(thread);
    coro_resume(thread);
    return t->wake_rc;
}

int wait_park(struct rota_task *t, struct clause *clauses, unsigned count)
{
    struct loop *l = loop_here();
    arm(l, t, clauses, count, false);
    return loop_pause_last(l, won);
}

int wait_park_shielded(struct rota_task *t, struct clause *clauses,
                       unsigned count)
{
    struct loop *l = loop_here();
    arm(l, t, clauses, count, true);
    return loop_pause_last(l, won);
}

int wait_alone(struct rota_task *t, const struct wait_kind *kind,
               const void *object, bool shielded)
{
    struct loop *l = task_loop(t);
    t->alone.kind = kind;
    t->alone.object = object;
    begin(l, t, &t->alone, 1, shielded);
    return loop_pause_last(l, won);
}

int wait_in(struct rota_task *t, struct list *queue,
            const struct wait_kind *kind, const void *object, void *record,
            intptr_t detail)
{
    struct loop *l = task_loop(t);
    struct clause *c = &t->alone;
    list_push(queue, &c->link);
    c->kind = kind;
    c->object = object;
    c->record = record;
    c->detail = detail;
    begin(l, t, c, 1, false);
    return loop_pause_last(l, won);
}

void wait_arm(struct rota_task *t, struct clause *clauses, unsigned count,
              struct claim *claim)
{
    arm(loop_here(), t, clauses, count, false);
    t->claim = claim;
    if (claim) {
        atomic_init(&claim->word, CLAIM_OPEN);
        t->runtime->claims++;
    }
}

int wait_sleep(struct rota_task *t)
{
    bool over = !t->clauses && t->lingering == 0;
    if (!over)
        loop_pause(loop_here());
    int rc = over ? t->wake_rc : outcome(t);
    if (t->claim) {
        t->runtime->claims--;
        t->claim = NULL;
    }
    return rc;
}

bool claim_win(struct claim *claim)
{
    unsigned word = CLAIM_OPEN;
    return atomic_compare_exchange_strong(&claim->word, &word, CLAIM_WON) ||
           word == CLAIM_WON;
}

/* Nobody else has won the wait, and nobody can any more. */
static bool is_ours(struct rota_task *t)
{
    return !t->claim || claim_win(t->claim);
}

/* Takes a clause back; false when it will still fire. */
static bool withdraw(struct clause *c)
{
    if (c->kind->withdraw && !c->kind->withdraw(c))
        return false;
    list_remove(&c->link);
    return true;
}

/*
 * The wait is decided: `rc`, by the clause `winner` (NULL: by a cancellation).
 * The others are withdrawn. True when the task may run; else some must fire
 * before, because they are still in the hands of somebody.
 */
static bool decide(struct rota_task *t, struct clause *winner, int rc)
{
    struct clause *clauses = t->clauses;
    t->wake_rc = rc;
    t->clauses = NULL;
    if (winner) {
        t->winner = (unsigned)(winner - clauses);
        list_remove(&winner->link);
    }
    for (unsigned i = 0; i < t->clause_count; i++)
        if (&clauses[i] != winner && !withdraw(&clauses[i]))
            t->lingering++;
    return t->lingering == 0;
}

/* A clause fires; true when that lets its task run. One that another thread
 * has forestalled is dead: what was taken will be delivered. */
static bool fire(struct clause *c, int rc)
{
    struct rota_task *t = c->task;
    if (t->clauses && is_ours(t)) {
        if (t->clause_count > 1)
            return decide(t, c, rc);
        t->wake_rc = rc;
        t->clauses = NULL;
        t->winner = 0;
        list_remove(&c->link);
        return true;
    }
    list_remove(&c->link);
    return !t->clauses && --t->lingering == 0;
}

void clause_fire_any(struct clause *c, int rc)
{
    struct rota_task *t = c->task;
    if (fire(c, rc))
        loop_ready(task_loop(t), &t->co.ready);
}

void clause_fire_own(struct clause *c, int rc)
{
    fire(c, rc);
}

void clause_enter(struct clause *c, int rc)
{
    struct rota_task *t = c->task;
    if (fire(c, rc))
        loop_enter(task_loop(t), &t->co);
}

void task_interrupt(struct rota_task *t)
{
    if (!t->clauses || t->shielded || !is_ours(t))
        return;
    t->interrupted = true;
    if (t->clause_count == 1) {
        if (!withdraw(t->clauses))
            return; /* it will fire with what came first */
        t->wake_rc = -ECANCELED;
        t->clauses = NULL;
    } else if (!decide(t, NULL, -ECANCELED)) {
        return;
    }
    loop_ready(task_loop(t), &t->co.ready);
}

void task_abandon(struct rota_task *t)
{
    if (t->clauses && is_ours(t))
        decide(t, NULL, -ECANCELED);
    t->lingering += TASK_ABANDONED;
}

bool clause_take(struct clause *c)
{
    list_remove(&c->link);
    unsigned word = CLAIM_OPEN;
    return atomic_compare_exchange_strong(&c->task->claim->word, &word,
                                          CLAIM_TAKEN);
}

/* What was taken arrives on the task's own thread. */
static void arrive(struct claim *claim)
{
    struct rota_task *t = claim->winner->task;
    if (decide(t, claim->winner, claim->rc))
        loop_ready(task_loop(t), &t->co.ready);
}

static void post_arrives(struct post *p)
{
    arrive(container_of(p, struct claim, post));
}

void clause_deliver(struct clause *c, int rc)
{
    struct rota_task *t = c->task;
    struct claim *claim = t->claim;
    claim->winner = c;
    claim->rc = rc;
    if (task_loop(t) == loop_current()) {
        arrive(claim);
        return;
    }
    claim->post.run = post_arrives;
    loop_post(task_loop(t), &claim->post);
}

void task_yield(struct rota_task *t)
{
    loop_yield(loop_here(), &t->co);
}

int wait_done_late(struct rota_task *t, int rc)
{
    task_yield(t);
    return rc;
}
