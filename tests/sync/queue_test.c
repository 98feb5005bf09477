/*
 * Queues: order, hand-over, bounds, join and shutdown.
 */
#include <stdlib.h>

#include "steps.h"

static rota_queue *q;
static char items[100]; /* an item is the address of one */

static void *item(int i)
{
    return &items[i];
}

static int number(const void *p)
{
    return (int)((const char *)p - items);
}

static int freed;

static void count_freed(void *p)
{
    CHECK(number(p) >= 0 && number(p) < 100);
    freed++;
}

static void make(enum rota_queue_kind kind, size_t most)
{
    q = rota_queue_new(kind, most, count_freed);
    CHECK(q);
}

static int put(int i)
{
    return rota_queue_put(q, item(i));
}

static int try_put(int i)
{
    return rota_queue_try_put(q, item(i));
}

/* The number of the item, or the error. */
static int get(void)
{
    char *p = NULL;
    int rc = rota_queue_get(q, &p);
    CHECK((rc == 0) == (p != NULL)); /* untouched on failure */
    return rc < 0 ? rc : number(p);
}

static int try_get(void)
{
    char *p = NULL;
    int rc = rota_queue_try_get(q, &p);
    CHECK((rc == 0) == (p != NULL));
    return rc < 0 ? rc : number(p);
}

static int got[8] = { PARKED, PARKED, PARKED, PARKED,
                      PARKED, PARKED, PARKED, PARKED };

/* Each keeps its result, and gives that of the next suspending call. */
static ROTA_ASYNC(getter, (int *, result))
{
    *result = get();
    return rota_sleep(0);
}

static ROTA_ASYNC(putter, (int, i), (int *, result))
{
    *result = put(i);
    return rota_sleep(0);
}

static ROTA_ASYNC(joiner, (int *, result))
{
    *result = rota_queue_join(q);
    return rota_sleep(0);
}

/* QUE-01 */
TASK_TEST("what goes in first comes out first")
{
    make(ROTA_QUEUE_FIFO, 0);
    for (int i = 1; i <= 3; i++)
        CHECK_INT(put(i), 0);
    CHECK_INT(rota_queue_size(q), 3);
    for (int i = 1; i <= 3; i++)
        CHECK_INT(get(), i);
    rota_queue_unref(q);
    CHECK_INT(freed, 0);
}

/* QUE-02 */
TASK_TEST("nothing is got from an empty queue, nor put into a full one")
{
    make(ROTA_QUEUE_FIFO, 1);
    CHECK_INT(try_get(), -EAGAIN);
    CHECK_INT(try_put(1), 0);
    CHECK_INT(try_put(2), -EAGAIN);
    CHECK_INT(rota_queue_size(q), 1);
    rota_queue_unref(q);
    CHECK_INT(freed, 1);
}

static ROTA_ASYNC(put_later, (rota_dur, d), (int, i))
{
    CHECK_INT(rota_sleep(d), 0);
    return put(i);
}

static int que_03(void *unused)
{
    (void)unused;
    make(ROTA_QUEUE_FIFO, 0);
    rota_time begin = rota_now();
    rota_task *t = rota_create_task(put_later, rota_ms(10), 5);
    CHECK_INT(get(), 5);
    CHECK_INT(rota_now() - begin, rota_ms(10));
    CHECK_INT(rota_await(t), 0);
    rota_queue_unref(q);
    return 0;
}

/* QUE-03 */
TEST("who gets waits until somebody puts")
{
    CHECK_INT(rota_sim_run(0, que_03, NULL, NULL), 0);
}

/* QUE-04 */
TASK_TEST("a get lets the item of who waits to put in")
{
    make(ROTA_QUEUE_FIFO, 1);
    CHECK_INT(put(1), 0);
    rota_task *t = rota_create_task(putter, 2, &got[0]);
    pass();
    CHECK_INT(got[0], PARKED);
    CHECK_INT(rota_queue_waiters(q), 1);
    CHECK_INT(get(), 1);
    CHECK_INT(rota_queue_size(q), 1);
    CHECK_INT(rota_queue_waiters(q), 0);
    CHECK_INT(rota_await(t), 0);
    CHECK_INT(got[0], 0);
    CHECK_INT(try_get(), 2);
    rota_queue_unref(q);
}

/* QUE-05 */
TASK_TEST("a cancelled getter takes nothing from the next")
{
    make(ROTA_QUEUE_FIFO, 0);
    rota_task *t = rota_create_task(getter, &got[0]);
    rota_task *u = rota_create_task(getter, &got[1]);
    pass();
    rota_task_cancel(t, NULL);
    CHECK_INT(put(7), 0);
    CHECK_INT(rota_await(t), -ROTA_ECHILD);
    CHECK_INT(rota_await(u), 0);
    CHECK_INT(got[0], -ECANCELED);
    CHECK_INT(got[1], 7);
    rota_queue_unref(q);
}

/* QUE-06 */
TASK_TEST("a getter cancelled after its item was handed over has it")
{
    make(ROTA_QUEUE_FIFO, 0);
    rota_task *t = rota_create_task(getter, &got[0]);
    pass();
    CHECK_INT(try_put(1), 0);
    CHECK_INT(try_put(2), 0);
    rota_task_cancel(t, NULL);
    CHECK_INT(rota_queue_size(q), 1);
    CHECK_INT(rota_await(t), -ROTA_ECHILD); /* the next call told it */
    CHECK_INT(got[0], 1);
    CHECK_INT(try_get(), 2);
    rota_queue_unref(q);
}

/* QUE-07 */
TASK_TEST("with many getters, each item goes to one, whatever is cancelled "
          "after")
{
    rota_task *t[3];
    make(ROTA_QUEUE_FIFO, 0);
    for (int i = 0; i < 3; i++)
        t[i] = rota_create_task(getter, &got[i]);
    pass();
    CHECK_INT(try_put(1), 0);
    CHECK_INT(try_put(2), 0);
    CHECK_INT(try_get(), -EAGAIN); /* both have an owner */
    rota_task_cancel(t[0], NULL);
    pass();
    CHECK_INT(got[0], 1);
    CHECK_INT(got[1], 2);
    CHECK_INT(got[2], PARKED);
    CHECK_INT(put(3), 0);
    CHECK_INT(rota_await(t[2]), 0);
    CHECK_INT(got[2], 3);
    CHECK_INT(rota_await(t[0]), -ROTA_ECHILD);
    CHECK_INT(rota_await(t[1]), 0);
    rota_queue_unref(q);
}

/* QUE-08 */
TASK_TEST("a putter cancelled after its item went in has put it")
{
    make(ROTA_QUEUE_FIFO, 1);
    CHECK_INT(put(1), 0);
    rota_task *t = rota_create_task(putter, 2, &got[0]);
    pass();
    CHECK_INT(try_get(), 1);
    rota_task_cancel(t, NULL);
    CHECK_INT(rota_await(t), -ROTA_ECHILD);
    CHECK_INT(got[0], 0);
    CHECK_INT(try_get(), 2);
    CHECK_INT(try_get(), -EAGAIN);
    rota_queue_unref(q);
}

/* QUE-09 */
TASK_TEST("a cancelled putter keeps its item")
{
    make(ROTA_QUEUE_FIFO, 1);
    CHECK_INT(put(1), 0);
    rota_task *t = rota_create_task(putter, 2, &got[0]);
    rota_task *u = rota_create_task(putter, 3, &got[1]);
    pass();
    rota_task_cancel(u, NULL);
    CHECK_INT(get(), 1);
    CHECK_INT(get(), 2);
    CHECK_INT(try_get(), -EAGAIN);
    CHECK_INT(rota_await(t), 0);
    CHECK_INT(rota_await(u), -ROTA_ECHILD);
    CHECK_INT(got[0], 0);
    CHECK_INT(got[1], -ECANCELED);
    rota_queue_unref(q);
    CHECK_INT(freed, 0);
}

/* QUE-10 */
TASK_TEST("nobody overtakes those who wait to put")
{
    make(ROTA_QUEUE_FIFO, 1);
    CHECK_INT(put(0), 0);
    rota_task *t = rota_create_task(putter, 1, &got[0]);
    rota_task *u = rota_create_task(putter, 2, &got[1]);
    pass();
    CHECK_INT(try_get(), 0);
    CHECK_INT(try_put(99), -EAGAIN);
    CHECK_INT(get(), 1);
    CHECK_INT(get(), 2);
    CHECK_INT(rota_await(t), 0);
    CHECK_INT(rota_await(u), 0);
    rota_queue_unref(q);
}

/* QUE-12 */
TASK_TEST("a getter that takes what it sees gets all, while putters wait")
{
    rota_task *t[4];
    make(ROTA_QUEUE_FIFO, 2);
    for (int i = 0; i < 4; i++)
        t[i] = rota_create_task(putter, i, &got[i]);
    for (int next = 0; next < 4;) {
        pass();
        for (size_t n = rota_queue_size(q); n > 0; n--)
            CHECK_INT(try_get(), next++);
    }
    CHECK_INT(rota_gather(t, 4, NULL, 0), 0);
    CHECK_INT(rota_queue_size(q), 0);
    rota_queue_unref(q);
}

static ROTA_ASYNC(put_five)
{
    for (int i = 0; i < 5; i++)
        CHECK_INT(put(i), 0);
    return 0;
}

/* QUE-13 */
TASK_TEST("five items pass through a queue of one")
{
    make(ROTA_QUEUE_FIFO, 1);
    rota_task *t = rota_create_task(put_five);
    for (int i = 0; i < 5; i++)
        CHECK_INT(get(), i);
    CHECK_INT(rota_await(t), 0);
    rota_queue_unref(q);
}

static int que_14(void *unused)
{
    (void)unused;
    make(ROTA_QUEUE_FIFO, 1);
    rota_time begin = rota_now();
    int rc = 0;
    ROTA_TIMEOUT (rota_ms(100), rc) {
        rc = get();
    }
    CHECK_INT(rc, -ETIMEDOUT);
    CHECK_INT(rota_now() - begin, rota_ms(100));
    CHECK_INT(rota_queue_waiters(q), 0);
    CHECK_INT(put(1), 0);
    CHECK_INT(rota_queue_size(q), 1);
    ROTA_TIMEOUT (rota_ms(100), rc) {
        rc = put(2);
    }
    CHECK_INT(rc, -ETIMEDOUT);
    CHECK_INT(rota_queue_waiters(q), 0);
    CHECK_INT(rota_queue_size(q), 1);
    rota_queue_unref(q);
    return 0;
}

/* QUE-14 */
TEST("a deadline ends a get and a put, and leaves no waiter")
{
    CHECK_INT(rota_sim_run(0, que_14, NULL, NULL), 0);
}

/* QUE-15 */
TASK_TEST("what goes in last comes out first, when it is asked so")
{
    make(ROTA_QUEUE_LIFO, 0);
    CHECK_INT(put(1), 0);
    CHECK_INT(put(3), 0);
    CHECK_INT(put(2), 0);
    CHECK_INT(get(), 2);
    CHECK_INT(get(), 3);
    CHECK_INT(get(), 1);
    rota_queue_unref(q);
}

/* QUE-16 */
TASK_TEST("equal priorities come out in the order they went in")
{
    make(ROTA_QUEUE_PRIORITY, 0);
    for (int i = 0; i < 8; i++)
        CHECK_INT(rota_queue_put_priority(q, item(i), 5), 0);
    for (int i = 0; i < 8; i++)
        CHECK_INT(get(), i);
    rota_queue_unref(q);
}

TASK_TEST("lower priorities come out first, from the least to the most")
{
    int64_t priority[] = { 0, INT64_MAX, 3, INT64_MIN, -2, 3, 0 };
    int order[] = { 3, 4, 0, 6, 2, 5, 1 };
    make(ROTA_QUEUE_PRIORITY, 0);
    for (int i = 0; i < 7; i++)
        CHECK_INT(rota_queue_try_put_priority(q, item(i), priority[i]), 0);
    for (int i = 0; i < 7; i++)
        CHECK_INT(try_get(), order[i]);
    rota_queue_unref(q);
}

TASK_TEST("an item that waited for room takes its rank when it comes in")
{
    make(ROTA_QUEUE_PRIORITY, 2);
    CHECK_INT(rota_queue_put_priority(q, item(1), 1), 0);
    CHECK_INT(rota_queue_put_priority(q, item(9), 9), 0);
    rota_task *t = rota_create_task(putter, 0, &got[0]); /* priority 0 */
    pass();
    CHECK_INT(get(), 1);
    CHECK_INT(get(), 0);
    CHECK_INT(get(), 9);
    CHECK_INT(rota_await(t), 0);
    rota_queue_unref(q);
}

/* QUE-18 */
TASK_TEST("no more items are done than came in")
{
    make(ROTA_QUEUE_FIFO, 0);
    CHECK_INT(rota_queue_task_done(q), -EINVAL);
    CHECK_INT(put(1), 0);
    CHECK_INT(rota_queue_task_done(q), 0);
    CHECK_INT(rota_queue_task_done(q), -EINVAL);
    rota_queue_unref(q);
}

static int sum;

static ROTA_ASYNC(work)
{
    int i;
    while ((i = get()) >= 0) {
        int rc = rota_sleep(rota_us(i));
        if (rc < 0)
            return rc;
        sum += i;
        CHECK_INT(rota_queue_task_done(q), 0);
    }
    return i;
}

/* QUE-19 */
TASK_TEST("join comes back when the workers are through")
{
    make(ROTA_QUEUE_FIFO, 0);
    rota_task *t = rota_create_task(work), *u = rota_create_task(work);
    for (int i = 0; i < 100; i++)
        CHECK_INT(put(i), 0);
    CHECK_INT(rota_queue_join(q), 0);
    CHECK_INT(sum, 99 * 100 / 2);
    CHECK_INT(rota_queue_unfinished(q), 0);
    CHECK_INT(rota_queue_shutdown(q, ROTA_QUEUE_DRAIN), 0);
    CHECK_INT(rota_await(t), -EPIPE);
    CHECK_INT(rota_await(u), -EPIPE);
    rota_queue_unref(q);
}

/* QUE-20 */
TASK_TEST("there is nothing to join in a new queue")
{
    make(ROTA_QUEUE_FIFO, 0);
    CHECK_INT(rota_queue_join(q), 0);
    CHECK_INT(rota_queue_join(q), 0);
    rota_queue_unref(q);
}

/* QUE-21 */
TASK_TEST("a join ends at the first zero, though an item comes before it runs")
{
    make(ROTA_QUEUE_FIFO, 0);
    CHECK_INT(put(1), 0);
    rota_task *t = rota_create_task(joiner, &got[0]);
    pass();
    CHECK_INT(get(), 1);
    CHECK_INT(rota_queue_task_done(q), 0);
    CHECK_INT(try_put(2), 0);
    rota_task_cancel(t, NULL); /* too late */
    CHECK_INT(rota_await(t), -ROTA_ECHILD);
    CHECK_INT(got[0], 0);
    CHECK_INT(rota_queue_unfinished(q), 1);
    rota_queue_unref(q);
}

static void shut(enum rota_queue_shutdown how)
{
    CHECK_INT(rota_queue_shutdown(q, how), 0);
}

/* QUE-22 */
TASK_TEST("an empty queue that was shut down is a broken pipe")
{
    make(ROTA_QUEUE_FIFO, 0);
    rota_task *t = rota_create_task(getter, &got[0]);
    pass();
    shut(ROTA_QUEUE_DRAIN);
    CHECK_INT(put(1), -EPIPE);
    CHECK_INT(try_put(1), -EPIPE);
    CHECK_INT(get(), -EPIPE);
    CHECK_INT(try_get(), -EPIPE);
    CHECK_INT(rota_queue_join(q), 0);
    CHECK_INT(rota_await(t), 0);
    CHECK_INT(got[0], -EPIPE);
    rota_queue_unref(q);
}

/* QUE-23 */
TASK_TEST("a full queue that was shut down gives what it has, and is joined "
          "when that is done")
{
    make(ROTA_QUEUE_FIFO, 1);
    CHECK_INT(put(1), 0);
    rota_task *t = rota_create_task(putter, 2, &got[0]);
    rota_task *u = rota_create_task(joiner, &got[1]);
    pass();
    shut(ROTA_QUEUE_DRAIN);
    CHECK_INT(rota_await(t), 0);
    CHECK_INT(got[0], -EPIPE);
    CHECK_INT(get(), 1);
    CHECK_INT(get(), -EPIPE);
    pass();
    CHECK_INT(got[1], PARKED);
    CHECK_INT(rota_queue_task_done(q), 0);
    CHECK_INT(rota_await(u), 0);
    CHECK_INT(got[1], 0);
    CHECK_INT(rota_queue_task_done(q), -EINVAL);
    rota_queue_unref(q);
    CHECK_INT(freed, 0);
}

/* QUE-24 */
TASK_TEST("shut down to drop, a queue frees its items, and they are done")
{
    make(ROTA_QUEUE_FIFO, 0);
    CHECK_INT(put(1), 0);
    rota_task *t = rota_create_task(joiner, &got[0]);
    pass();
    shut(ROTA_QUEUE_DROP);
    CHECK_INT(rota_queue_size(q), 0);
    CHECK_INT(freed, 1);
    CHECK_INT(rota_await(t), 0);
    CHECK_INT(got[0], 0);
    rota_queue_unref(q);
    CHECK_INT(freed, 1);
}

/* QUE-25 */
TASK_TEST("an item that was taken before the drop is not done yet")
{
    make(ROTA_QUEUE_FIFO, 0);
    CHECK_INT(put(1), 0);
    CHECK_INT(put(2), 0);
    CHECK_INT(get(), 1);
    rota_task *t = rota_create_task(joiner, &got[0]);
    pass();
    shut(ROTA_QUEUE_DROP);
    pass();
    CHECK_INT(got[0], PARKED);
    CHECK_INT(rota_queue_task_done(q), 0);
    CHECK_INT(rota_await(t), 0);
    CHECK_INT(got[0], 0);
    CHECK_INT(rota_queue_task_done(q), -EINVAL);
    CHECK_INT(freed, 1);
    rota_queue_unref(q);
}

/* QUE-27 */
TASK_TEST("a queue that drains may still be made to drop")
{
    make(ROTA_QUEUE_LIFO, 0);
    CHECK_INT(put(1), 0);
    CHECK_INT(put(2), 0);
    shut(ROTA_QUEUE_DRAIN);
    CHECK_INT(rota_queue_size(q), 2);
    shut(ROTA_QUEUE_DROP);
    CHECK_INT(rota_queue_size(q), 0);
    CHECK_INT(freed, 2);
    shut(ROTA_QUEUE_DROP);
    shut(ROTA_QUEUE_DRAIN);
    rota_queue_unref(q);
    CHECK_INT(freed, 2);
}

TASK_TEST("an item handed over before the shutdown arrives")
{
    make(ROTA_QUEUE_FIFO, 0);
    rota_task *t = rota_create_task(getter, &got[0]);
    pass();
    CHECK_INT(put(4), 0);
    shut(ROTA_QUEUE_DROP);
    CHECK_INT(rota_await(t), 0);
    CHECK_INT(got[0], 4);
    CHECK_INT(freed, 0);
    CHECK_INT(rota_queue_unfinished(q), 1);
    rota_queue_unref(q);
}

TASK_TEST("a queue with waiters is not destroyed by its last reference")
{
    make(ROTA_QUEUE_FIFO, 0);
    rota_task *t = rota_create_task(getter, &got[0]);
    pass();
    tolerate();
    rota_queue_unref(rota_queue_ref(q));
    CHECK_INT(misuses, 0);
    rota_queue_unref(q);
    CHECK_INT(misuses, 1);
    shut(ROTA_QUEUE_DRAIN);
    CHECK_INT(rota_await(t), 0);
    rota_queue_unref(q);
    rota_queue_unref(NULL);
}

static int put_elsewhere(void *unused)
{
    (void)unused;
    return try_put(1);
}

/* QUE-28: what crosses threads is a shared channel */
TASK_TEST("a queue used from a pool thread is misuse")
{
    make(ROTA_QUEUE_FIFO, 0);
    CHECK_INT(put(1), 0);
    tolerate();
    CHECK_INT(rota_to_thread(put_elsewhere, NULL), -EXDEV);
    CHECK_INT(misuses, 1);
    CHECK_INT(rota_queue_size(q), 1);
    rota_queue_unref(q);
}

static void put_soon(void *p)
{
    CHECK_INT(rota_queue_try_put(q, p), 0);
}

TASK_TEST("a callback of the loop puts; nothing is an item too")
{
    void *p = q;
    make(ROTA_QUEUE_FIFO, 0);
    CHECK_INT(rota_call_soon(put_soon, NULL), 0);
    CHECK_INT(rota_queue_get(q, &p), 0);
    CHECK(p == NULL);
    rota_queue_unref(q);
}

static bool others_ran;

static ROTA_ASYNC(run_once)
{
    others_ran = true;
    return 0;
}

TASK_TEST("puts that never wait let others run in between")
{
    make(ROTA_QUEUE_FIFO, 0);
    rota_task *t = rota_create_task(run_once);
    for (int i = 0; i < 1000; i++)
        CHECK_INT(put(i % 100), 0);
    CHECK(others_ran);
    CHECK_INT(rota_await(t), 0);
    rota_queue_unref(q);
    CHECK_INT(freed, 1000);
}

static int by_number(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

/* Does the same to a queue and to a plain array. */
static void compare(enum rota_queue_kind kind, unsigned seed)
{
    int model[100], n = 0;
    unsigned random = seed;
    make(kind, 0);
    for (int i = 0; i < 2000; i++) {
        random = random * 1103515245 + 12345;
        if (random >> 16 & 1 && n < 100) {
            int x = random >> 20 & 63;
            CHECK_INT(rota_queue_try_put_priority(q, item(x), x), 0);
            model[n++] = x;
        } else if (n > 0) {
            if (kind == ROTA_QUEUE_PRIORITY)
                qsort(model, n, sizeof *model, by_number);
            int at = kind == ROTA_QUEUE_LIFO ? n - 1 : 0;
            CHECK_INT(try_get(), model[at]);
            memmove(&model[at], &model[at + 1], (--n - at) * sizeof *model);
        } else {
            CHECK_INT(try_get(), -EAGAIN);
        }
        CHECK_INT(rota_queue_size(q), n);
    }
    freed = 0;
    rota_queue_unref(q);
    CHECK_INT(freed, n);
}

TEST("each kind does what a plain array would, also without a loop")
{
    for (unsigned seed = 0; seed < 20; seed++) {
        compare(ROTA_QUEUE_FIFO, seed);
        compare(ROTA_QUEUE_LIFO, seed);
        compare(ROTA_QUEUE_PRIORITY, seed);
    }
}

enum { EACH = 200, TASKS = 8 };
static int came[TASKS * EACH], lost;

static ROTA_ASYNC(put_hastily, (int, first), (int, seed))
{
    unsigned random = (unsigned)seed;
    for (int i = 0; i < EACH;) {
        random = random * 1103515245 + 12345;
        int rc = 0;
        ROTA_TIMEOUT (rota_us(random >> 16 & 127), rc) {
            rc = rota_queue_put(q, &came[first + i]);
        }
        CHECK(rc == 0 || rc == -ETIMEDOUT);
        i += rc == 0;
    }
    return 0;
}

static ROTA_ASYNC(get_hastily, (int, seed))
{
    unsigned random = (unsigned)seed;
    for (;;) {
        random = random * 1103515245 + 12345;
        int rc = 0, *p;
        ROTA_TIMEOUT (rota_us(random >> 16 & 127), rc) {
            rc = rota_queue_get(q, &p);
        }
        if (rc == -EPIPE)
            return 0;
        CHECK(rc == 0 || rc == -ETIMEDOUT);
        if (rc < 0)
            continue;
        ++*p;
        CHECK_INT(rota_queue_task_done(q), 0);
    }
}

TASK_TEST_LIMITED("deadlines on both sides in a crowd: each item arrives, and "
                  "once",
                  120)
{
    rota_task *put_tasks[TASKS], *get_tasks[TASKS];
    q = rota_queue_new(ROTA_QUEUE_FIFO, 3, NULL);
    for (int i = 0; i < TASKS; i++) {
        put_tasks[i] = rota_create_task(put_hastily, i * EACH, i);
        get_tasks[i] = rota_create_task(get_hastily, 100 + i);
    }
    CHECK_INT(rota_gather(put_tasks, TASKS, NULL, 0), 0);
    CHECK_INT(rota_queue_join(q), 0);
    shut(ROTA_QUEUE_DRAIN);
    CHECK_INT(rota_gather(get_tasks, TASKS, NULL, 0), 0);
    for (int i = 0; i < TASKS * EACH; i++)
        lost += came[i] != 1;
    CHECK_INT(lost, 0);
    rota_queue_unref(q);
}
