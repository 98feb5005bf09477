/*
 * The races of a wait, run against everything that tasks wait for: a table of
 * rows, one for each, and a table of cases that know a row only by what it can
 * do. Each case runs on the real loop and simulated, in order and shuffled.
 *
 * A new row: define its functions, and add it to `racers`.
 */
#include "loop/timer.h"
#include "racers_chan.h"
#include "steps.h"
#include "task/runtime.h"
#include "task/task.h"

struct racer {
    const char *name;
    void (*make)(void); /* by the task that will complete: a wait parks */
    void (*unmake)(void);
    int (*wait)(void);      /* what it came for, >= 0, or an error */
    int (*try)(void);       /* the same without waiting; NULL: there is none */
    void (*after)(void);    /* whoever had success does this; may be NULL */
    void (*complete)(void); /* lets the first waiter go on, or who comes */
    size_t (*left)(void);   /* how many who come could go on */
    size_t (*waiters)(void);
    void (*close)(void); /* ends all waits with -EPIPE; NULL: cannot be */
    int value;           /* of a wait */
    bool stays;          /* a completion serves all */
};

/* What a task did to a row. */
struct attempt {
    int rc;
    int next; /* of the suspending call after it */
};

static rota_lock lock;

static void lock_make(void)
{
    rota_lock_init(&lock);
    CHECK_INT(rota_lock_acquire(&lock), 0);
}

static void lock_unmake(void)
{
    CHECK_INT(rota_lock_fini(&lock), 0);
}

static int lock_wait_for(void)
{
    return rota_lock_acquire(&lock);
}

static int lock_try(void)
{
    return rota_lock_try(&lock);
}

static void lock_release(void)
{
    CHECK_INT(rota_lock_release(&lock), 0);
}

static size_t lock_left(void)
{
    return !rota_lock_locked(&lock);
}

static size_t lock_waiters(void)
{
    return rota_lock_waiters(&lock);
}

static rota_rwlock rwlock;

static void rwlock_make(void)
{
    rota_rwlock_init(&rwlock);
    CHECK_INT(rota_rwlock_write(&rwlock), 0);
}

static void rwlock_unmake(void)
{
    CHECK_INT(rota_rwlock_fini(&rwlock), 0);
}

static int rwlock_write(void)
{
    return rota_rwlock_write(&rwlock);
}

static int rwlock_try_write(void)
{
    return rota_rwlock_try_write(&rwlock);
}

static int rwlock_read(void)
{
    return rota_rwlock_read(&rwlock);
}

static int rwlock_try_read(void)
{
    return rota_rwlock_try_read(&rwlock);
}

static void rwlock_release(void)
{
    CHECK_INT(rota_rwlock_release(&rwlock), 0);
}

static size_t rwlock_left(void)
{
    return !rota_rwlock_locked(&rwlock);
}

static size_t rwlock_waiters(void)
{
    return rota_rwlock_waiters(&rwlock);
}

static rota_sem sem;

static void sem_make(void)
{
    CHECK_INT(rota_sem_init(&sem, 0, 0), 0);
}

static void sem_unmake(void)
{
    CHECK_INT(rota_sem_fini(&sem), 0);
}

static int sem_acquire(void)
{
    return rota_sem_acquire(&sem, 1);
}

static int sem_try(void)
{
    return rota_sem_try(&sem, 1);
}

static void sem_release(void)
{
    CHECK_INT(rota_sem_release(&sem, 1), 0);
}

static size_t sem_left(void)
{
    return (size_t)rota_sem_value(&sem);
}

static size_t sem_waiters(void)
{
    return rota_sem_waiters(&sem);
}

static rota_limiter limiter;

static void limiter_make(void)
{
    rota_limiter_init(&limiter, 1);
    CHECK_INT(rota_limiter_acquire(&limiter), 0);
}

static void limiter_unmake(void)
{
    CHECK_INT(rota_limiter_fini(&limiter), 0);
}

static int limiter_acquire(void)
{
    return rota_limiter_acquire(&limiter);
}

static int limiter_try(void)
{
    return rota_limiter_try(&limiter);
}

static void limiter_release(void)
{
    CHECK_INT(rota_limiter_release(&limiter), 0);
}

static size_t limiter_left(void)
{
    return 1 - rota_limiter_taken(&limiter);
}

static size_t limiter_waiters(void)
{
    return rota_limiter_waiters(&limiter);
}

enum { ITEM = 7 };

static rota_queue *queue;
static char things[ITEM + 1];

static void queue_make_empty(void)
{
    queue = rota_queue_new(ROTA_QUEUE_FIFO, 1, NULL);
}

static void queue_make_full(void)
{
    queue_make_empty();
    CHECK_INT(rota_queue_put(queue, things), 0);
}

static void queue_unmake(void)
{
    rota_queue_unref(queue);
}

static int queue_get(void)
{
    char *p = NULL;
    int rc = rota_queue_get(queue, &p);
    return rc < 0 ? rc : (int)(p - things);
}

static int queue_try_get(void)
{
    char *p = NULL;
    int rc = rota_queue_try_get(queue, &p);
    return rc < 0 ? rc : (int)(p - things);
}

static int queue_put(void)
{
    return rota_queue_put(queue, &things[ITEM]);
}

static int queue_try_put(void)
{
    return rota_queue_try_put(queue, &things[ITEM]);
}

static void queue_fill(void)
{
    CHECK_INT(queue_try_put(), 0);
}

static void queue_drain(void)
{
    CHECK(queue_try_get() >= 0);
}

static size_t queue_items(void)
{
    return rota_queue_size(queue);
}

static size_t queue_room(void)
{
    return 1 - rota_queue_size(queue);
}

static size_t queue_waiters(void)
{
    return rota_queue_waiters(queue);
}

static void queue_close(void)
{
    CHECK_INT(rota_queue_shutdown(queue, ROTA_QUEUE_DRAIN), 0);
}

static rota_wg wg;

static void wg_make(void)
{
    rota_wg_init(&wg);
    CHECK_INT(rota_wg_add(&wg, 1), 0);
}

static void wg_unmake(void)
{
    CHECK_INT(rota_wg_fini(&wg), 0);
}

static int wg_wait(void)
{
    return rota_wg_wait(&wg);
}

static void wg_done(void)
{
    CHECK_INT(rota_wg_done(&wg), 0);
}

static size_t wg_left(void)
{
    return rota_wg_count(&wg) == 0;
}

static size_t wg_waiters(void)
{
    return rota_wg_waiters(&wg);
}

static const struct racer racers[] = {
    { "lock", lock_make, lock_unmake, lock_wait_for, lock_try, lock_release,
      lock_release, lock_left, lock_waiters, NULL, 0, false },
    { "rwlock write", rwlock_make, rwlock_unmake, rwlock_write,
      rwlock_try_write, rwlock_release, rwlock_release, rwlock_left,
      rwlock_waiters, NULL, 0, false },
    { "rwlock read", rwlock_make, rwlock_unmake, rwlock_read, rwlock_try_read,
      rwlock_release, rwlock_release, rwlock_left, rwlock_waiters, NULL, 0,
      false },
    { "semaphore", sem_make, sem_unmake, sem_acquire, sem_try, NULL,
      sem_release, sem_left, sem_waiters, NULL, 0, false },
    { "limiter", limiter_make, limiter_unmake, limiter_acquire, limiter_try,
      limiter_release, limiter_release, limiter_left, limiter_waiters, NULL, 0,
      false },
    { "queue get", queue_make_empty, queue_unmake, queue_get, queue_try_get,
      NULL, queue_fill, queue_items, queue_waiters, queue_close, ITEM, false },
    { "queue put", queue_make_full, queue_unmake, queue_put, queue_try_put,
      NULL, queue_drain, queue_room, queue_waiters, queue_close, 0, false },
    { "wait group", wg_make, wg_unmake, wg_wait, NULL, NULL, wg_done, wg_left,
      wg_waiters, NULL, 0, true },
    CHAN_RACERS,
};

/* The row a case runs against. */
static const struct racer *x;

#define CHECK_ROW(got, want)                                              \
    do {                                                                  \
        long long got_ = (long long)(got), want_ = (long long)(want);     \
        if (got_ != want_)                                                \
            test_fail(TEST_AT, "%s: %s is %lld, not %lld", x->name, #got, \
                      got_, want_);                                       \
    } while (0)

static ROTA_ASYNC(try_it, (struct attempt *, a))
{
    a->rc = x->wait();
    a->next = rota_sleep(0);
    if (a->rc >= 0 && x->after)
        x->after();
    return 0;
}

static ROTA_ASYNC(try_until, (rota_dur, d), (struct attempt *, a))
{
    a->rc = 0;
    ROTA_TIMEOUT (d, a->rc) {
        a->rc = x->wait();
        a->next = rota_sleep(0);
    }
    if (a->rc >= 0 && x->after)
        x->after();
    return 0;
}

/* Returns once `n` tasks wait. */
static void let_park(size_t n)
{
    while (x->waiters() < n)
        pass();
}

static rota_task *park(struct attempt *a, size_t n)
{
    *a = (struct attempt){ PARKED, PARKED };
    rota_task *t = rota_create_task(try_it, a);
    let_park(n);
    return t;
}

static void end(rota_task *t)
{
    CHECK_ROW(rota_await(t), 0);
    CHECK_ROW(x->waiters(), 0);
}

static int complete_then_cancel(void *unused)
{
    (void)unused;
    struct attempt a;
    x->make();
    rota_task *t = park(&a, 1);
    x->complete();
    CHECK_ROW(x->waiters(), 0);
    rota_task_cancel(t, NULL);
    end(t);
    CHECK_ROW(a.rc, x->value);
    CHECK_ROW(a.next, -ECANCELED);
    x->unmake();
    return 0;
}

static int cancel_then_complete(void *unused)
{
    (void)unused;
    struct attempt a, b;
    x->make();
    rota_task *t = park(&a, 1), *u = park(&b, 2);
    rota_task_cancel(t, NULL);
    x->complete();
    CHECK_ROW(x->waiters(), 0);
    CHECK_ROW(x->left(), x->stays);
    end(t);
    end(u);
    CHECK_ROW(a.rc, -ECANCELED);
    CHECK_ROW(b.rc, x->value);
    CHECK_ROW(b.next, 0);
    x->unmake();
    return 0;
}

/* A moment at which the task that waits for it runs at once, among the timers
 * that fire. */
struct moment {
    struct timer timer;
    struct clause clause;
};

static void come(struct timer *t)
{
    clause_enter(&container_of(t, struct moment, timer)->clause, 0);
}

static const struct wait_kind moment_wait = { "moment", NULL, NULL };

static void moment_set(struct moment *m, rota_time when)
{
    *m = (struct moment){ .timer.fire = come };
    clause_init(&m->clause, &moment_wait, m);
    CHECK_INT(timer_arm(&loop_current()->timers, &m->timer, when), 0);
}

static void moment_wait_for(struct moment *m)
{
    CHECK_INT(wait_park(task_current(), &m->clause, 1), 0);
}

static const rota_dur soon = 10 * 1000 * 1000;

static int complete_before_deadline(void *unused)
{
    (void)unused;
    struct attempt a;
    struct moment m;
    x->make();
    moment_set(&m, rota_now() + soon);
    rota_task *t = rota_create_task(try_until, soon, &a);
    let_park(1);
    moment_wait_for(&m);
    x->complete();
    end(t);
    CHECK_ROW(a.rc, x->value);
    CHECK_ROW(a.next, -ECANCELED);
    x->unmake();
    return 0;
}

static int complete_after_deadline(void *unused)
{
    (void)unused;
    struct attempt a;
    struct moment m;
    x->make();
    rota_task *t = rota_create_task(try_until, soon, &a);
    let_park(1);
    moment_set(&m, rota_now() + soon);
    moment_wait_for(&m);
    x->complete();
    CHECK_ROW(x->left(), 1);
    end(t);
    CHECK_ROW(a.rc, -ETIMEDOUT);
    x->unmake();
    return 0;
}

/* The suspending form is not attempted under this deadline; the other is. */
static ROTA_ASYNC(try_too_late, (rota_dur, d))
{
    int rc = 0;
    ROTA_TIMEOUT (d, rc) {
        rc = x->wait();
        CHECK_ROW(rc, -ECANCELED);
        CHECK_ROW(x->left(), 1);
        if (!x->try)
            continue;
        CHECK_ROW(x->try(), x->value);
        CHECK_ROW(x->left(), 0);
        if (x->after)
            x->after();
    }
    CHECK_ROW(rc, -ETIMEDOUT);
    return 0;
}

static ROTA_ASYNC(try_cancelled)
{
    rota_scope s;
    CHECK_INT(rota_scope_begin(&s, 0), 0);
    rota_scope_cancel(&s, NULL);
    CHECK_ROW(x->wait(), -ECANCELED);
    CHECK_ROW(x->left(), 1);
    if (x->try) {
        CHECK_ROW(x->try(), x->value);
        CHECK_ROW(x->left(), 0);
        if (x->after)
            x->after();
    }
    return rota_scope_end(&s, -ECANCELED);
}

static int wait_cancelled(void *unused)
{
    (void)unused;
    x->make();
    x->complete();
    end(rota_create_task(try_cancelled));
    x->unmake();
    return 0;
}

static int wait_too_late(void *unused)
{
    (void)unused;
    for (rota_dur d = 0; d >= -5; d -= 5) {
        x->make();
        x->complete();
        end(rota_create_task(try_too_late, d));
        x->unmake();
    }
    return 0;
}

static int close_then_cancel(void *unused)
{
    (void)unused;
    struct attempt a;
    if (!x->close)
        return 0;
    x->make();
    rota_task *t = park(&a, 1);
    x->close();
    CHECK_ROW(x->waiters(), 0);
    rota_task_cancel(t, NULL);
    end(t);
    CHECK_ROW(a.rc, -EPIPE);
    CHECK_ROW(a.next, -ECANCELED);
    x->unmake();
    return 0;
}

static int cancel_and_count(void *unused)
{
    (void)unused;
    struct attempt a, b;
    x->make();
    rota_task *t = park(&a, 1), *u = park(&b, 2);
    rota_task_cancel(t, NULL);
    CHECK_ROW(x->waiters(), 1);
    rota_task_cancel(u, NULL);
    CHECK_ROW(x->waiters(), 0);
    CHECK_ROW(a.rc, PARKED);
    end(t);
    end(u);
    CHECK_ROW(a.rc, -ECANCELED);
    CHECK_ROW(b.rc, -ECANCELED);
    x->complete();
    CHECK_ROW(x->left(), 1);
    x->unmake();
    return 0;
}

enum { SEEDS = 8 };

/* Runs a case against every row: simulated, and on the loop if it does not
 * need a clock that stands still. */
static void run(rota_fn *fn, bool virtual)
{
    for (size_t i = 0; i < sizeof racers / sizeof *racers; i++) {
        x = &racers[i];
        for (uint64_t seed = 0; seed < SEEDS; seed++)
            CHECK_ROW(rota_sim_run(seed, fn, NULL, NULL), 0);
        if (!virtual)
            CHECK_ROW(rota_run(fn, NULL, NULL), 0);
    }
}

/* RACE-01 */
TEST("completed, then cancelled: it has what it came for, and the next call "
     "is cut")
{
    run(complete_then_cancel, false);
}

/* RACE-02, PITFALL 50 */
TEST("the first cancelled, then one completion: the second has it, and there "
     "is nothing left")
{
    run(cancel_then_complete, false);
}

/* RACE-04 */
TEST("a completion that was due before the deadline, at the same moment, wins")
{
    run(complete_before_deadline, true);
}

/* RACE-05 */
TEST("a deadline that was due before the completion, at the same moment, wins, "
     "and nothing is lost")
{
    run(complete_after_deadline, true);
}

/* RACE-07 */
TEST("cancelled before the call, what is there is not touched but by a try")
{
    run(wait_cancelled, false);
}

/* RACE-08 */
TEST("after the deadline, what is there is not touched but by a try")
{
    run(wait_too_late, false);
}

/* RACE-10 */
TEST("closed, then cancelled: a broken pipe, and the next call is cut")
{
    run(close_then_cancel, false);
}

/* RACE-12 */
TEST("a cancelled waiter is none, before it has run")
{
    run(cancel_and_count, false);
}
