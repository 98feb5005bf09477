/*
 * Locks, semaphores, conditions, queues and channels under cancellation at
 * every moment. Each scenario keeps a ledger of its own: what was handed out
 * must be what was given back, and what was put in what came out.
 */
#include "../task/tasks.h"
#include "rota/chan.h"
#include "rota/cond.h"
#include "rota/event.h"
#include "rota/lock.h"
#include "rota/queue.h"
#include "rota/semaphore.h"
#include "sim.h"

#include <stdint.h>

enum { CROWD = 6, ROUNDS = 8 };

static rota_dur soon(void)
{
    return rota_us((int64_t)rota_sim_random(4));
}

/* Cancels tasks of a crowd now and then; the handles are borrowed. */
static ROTA_ASYNC(pester, (rota_task **, crowd), (int, times))
{
    for (int i = 0; i < times; i++) {
        CHECK_INT(rota_sleep(soon()), 0);
        rota_task_cancel(crowd[rota_sim_random(CROWD)], "pestered");
    }
    return 0;
}

/* Ends a call that was cut by a cancellation of the task: it goes on. */
static bool was_cut(int rc)
{
    if (rc != -ECANCELED)
        return false;
    while (rota_task_cancelling(rota_current_task()) > 0)
        rota_task_uncancel(rota_current_task());
    return true;
}

/* Runs `crowd`, pestered, to its end. */
static void run_crowd(rota_task **crowd)
{
    rota_task *extra[CROWD];
    for (int i = 0; i < CROWD; i++)
        extra[i] = rota_task_ref(crowd[i]);
    rota_task *p = rota_create_task(pester, extra, 2 * CROWD);
    int results[CROWD];
    CHECK_INT(rota_gather(crowd, CROWD, results, ROTA_COLLECT), 0);
    for (int i = 0; i < CROWD; i++)
        CHECK(results[i] == 0 || results[i] == -ROTA_ECHILD);
    CHECK_INT(rota_await(p), 0);
    for (int i = 0; i < CROWD; i++)
        rota_task_unref(extra[i]);
}

/* A rest that a cancellation may cut, which is then forgotten. */
static void rest(void)
{
    was_cut(rota_sleep(soon()));
}

/* ------------------------------------------------------------- locks */

static ROTA_ASYNC(use_lock, (rota_lock *, l), (int *, inside))
{
    for (int i = 0; i < ROUNDS; i++) {
        int rc = rota_lock_acquire(l);
        if (was_cut(rc))
            continue;
        CHECK_INT(rc, 0);
        CHECK_INT(++*inside, 1);
        rest();
        CHECK_INT(--*inside, 0);
        CHECK_INT(rota_lock_release(l), 0);
    }
    return 0;
}

/* PITFALL 49 */
SIM_TEST("a lock is handed over while its waiters are cancelled: it is never "
         "lost, and never held by two")
{
    rota_lock l;
    int inside = 0;
    rota_lock_init(&l);
    rota_task *t[CROWD];
    for (int i = 0; i < CROWD; i++)
        t[i] = rota_create_task(use_lock, &l, &inside);
    run_crowd(t);
    CHECK(!rota_lock_locked(&l));
    CHECK_INT(rota_lock_waiters(&l), 0);
    CHECK_INT(rota_lock_fini(&l), 0);
}

static ROTA_ASYNC(use_permits, (rota_sem *, s), (long *, out))
{
    for (int i = 0; i < ROUNDS; i++) {
        long n = 1 + (long)rota_sim_random(3);
        int rc = rota_sem_acquire(s, n);
        if (was_cut(rc))
            continue;
        CHECK_INT(rc, 0);
        *out += n;
        CHECK(*out <= 3);
        rest();
        *out -= n;
        CHECK_INT(rota_sem_release(s, n), 0);
    }
    return 0;
}

/* PITFALL 50 */
SIM_TEST("permits are neither lost nor made when those who wait for them are "
         "cancelled")
{
    rota_sem s;
    long out = 0;
    CHECK_INT(rota_sem_init(&s, 3, 3), 0);
    rota_task *t[CROWD];
    for (int i = 0; i < CROWD; i++)
        t[i] = rota_create_task(use_permits, &s, &out);
    run_crowd(t);
    CHECK_INT(rota_sem_value(&s), 3);
    CHECK_INT(rota_sem_waiters(&s), 0);
    CHECK_INT(rota_sem_fini(&s), 0);
}

struct stock {
    rota_lock lock;
    rota_cond more;
    int goods;
    int taken;
};

static ROTA_ASYNC(take_goods, (struct stock *, s))
{
    for (int i = 0; i < ROUNDS;) {
        int rc = rota_lock_acquire(&s->lock);
        if (was_cut(rc))
            continue;
        while (rc == 0 && s->goods == 0)
            rc = rota_cond_wait(&s->more);
        /* Cut or not, the lock is ours when the wait is over. */
        if (rc == 0) {
            s->goods--;
            s->taken++;
            i++;
        }
        was_cut(rc);
        CHECK_INT(rota_lock_release(&s->lock), 0);
    }
    return 0;
}

static ROTA_ASYNC(make_goods, (struct stock *, s), (int, n))
{
    for (int i = 0; i < n; i++) {
        CHECK_INT(rota_sleep(soon()), 0);
        CHECK_INT(rota_lock_acquire(&s->lock), 0);
        s->goods++;
        CHECK_INT(rota_cond_notify(&s->more, 1), 0);
        CHECK_INT(rota_lock_release(&s->lock), 0);
    }
    return 0;
}

/* PITFALL 50 */
SIM_TEST("no notification is swallowed by a waiter who is cancelled")
{
    struct stock s = { .goods = 0 };
    rota_lock_init(&s.lock);
    rota_cond_init(&s.more, &s.lock);
    rota_task *t[CROWD];
    for (int i = 0; i < CROWD; i++)
        t[i] = rota_create_task(take_goods, &s);
    rota_task *maker = rota_create_task(make_goods, &s, CROWD * ROUNDS);
    run_crowd(t);
    CHECK_INT(rota_await(maker), 0);
    CHECK_INT(s.goods, 0);
    CHECK_INT(s.taken, CROWD * ROUNDS);
    CHECK_INT(rota_cond_fini(&s.more), 0);
    CHECK_INT(rota_lock_fini(&s.lock), 0);
}

/* EVT-05, RACE-01 */
static ROTA_ASYNC(await_event, (rota_event *, e), (int *, woken), (int *, cut))
{
    int rc = rota_event_wait(e);
    if (rc == 0)
        ++*woken;
    else
        ++*cut;
    return rc;
}

SIM_TEST("an event is set and cleared at once: who waited is woken or was cut, "
         "and is counted once")
{
    rota_event e;
    int woken = 0, cut = 0;
    CHECK_INT(rota_event_init(&e, 0), 0);
    rota_task *t[CROWD], *extra[CROWD];
    for (int i = 0; i < CROWD; i++) {
        t[i] = rota_create_task(await_event, &e, &woken, &cut);
        extra[i] = rota_task_ref(t[i]);
    }
    rota_task *p = rota_create_task(pester, extra, 3);
    CHECK_INT(rota_sleep(rota_us(4)), 0);
    size_t waiting = rota_event_waiters(&e);
    rota_event_set(&e);
    rota_event_clear(&e);
    CHECK_INT(rota_event_waiters(&e), 0);
    int results[CROWD];
    CHECK_INT(rota_gather(t, CROWD, results, ROTA_COLLECT), 0);
    CHECK_INT(woken + cut, CROWD);
    CHECK_INT(woken, waiting);
    CHECK_INT(rota_await(p), 0);
    for (int i = 0; i < CROWD; i++)
        rota_task_unref(extra[i]);
    CHECK_INT(rota_event_fini(&e), 0);
}

/* --------------------------------------------------- queues and channels */

enum { ITEMS = 8 }; /* of each producer */

/* How often each item came out. */
static int seen[CROWD * ITEMS];

static void count(uintptr_t item)
{
    CHECK(item < CROWD * ITEMS);
    CHECK_INT(++seen[item], 1);
}

static ROTA_ASYNC(produce, (rota_queue *, q), (uintptr_t, first))
{
    for (uintptr_t i = 0; i < ITEMS; i++) {
        int rc = rota_queue_put(q, (void *)(first + i));
        if (was_cut(rc))
            count(first + i); /* it is still ours */
        else
            CHECK_INT(rc, 0);
    }
    return 0;
}

static ROTA_ASYNC(consume, (rota_queue *, q))
{
    for (;;) {
        void *item = NULL;
        int rc = rota_queue_get(q, &item);
        if (rc == -EPIPE)
            return 0;
        if (was_cut(rc)) {
            CHECK(item == NULL);
            continue;
        }
        CHECK_INT(rc, 0);
        count((uintptr_t)item);
    }
}

static void check_all_seen(int items)
{
    for (int i = 0; i < items; i++)
        CHECK_INT(seen[i], 1);
}

SIM_TEST("what goes into a queue comes out once, or stays with who was "
         "cancelled; whoever waits at either end")
{
    enum { PRODUCERS = CROWD / 2 };
    memset(seen, 0, sizeof seen);
    rota_queue *q = rota_queue_new(ROTA_QUEUE_FIFO, 2, NULL);
    rota_task *t[CROWD], *extra[CROWD];
    for (int i = 0; i < CROWD; i++) {
        t[i] = i < PRODUCERS
                   ? rota_create_task(produce, q, (uintptr_t)i * ITEMS)
                   : rota_create_task(consume, q);
        extra[i] = rota_task_ref(t[i]);
    }
    rota_task *p = rota_create_task(pester, extra, 2 * CROWD);
    for (int i = 0; i < PRODUCERS; i++) {
        int rc = rota_await(t[i]);
        CHECK(rc == 0 || rc == -ROTA_ECHILD);
    }
    CHECK_INT(rota_await(p), 0);
    CHECK_INT(rota_queue_shutdown(q, ROTA_QUEUE_DRAIN), 0);
    for (int i = PRODUCERS; i < CROWD; i++)
        CHECK_INT(rota_await(t[i]), 0);
    for (int i = 0; i < CROWD; i++)
        rota_task_unref(extra[i]);
    check_all_seen(PRODUCERS * ITEMS);
    rota_queue_unref(q);
}

static ROTA_ASYNC(send_ints, (rota_chan *, c), (int, first))
{
    for (int i = first; i < first + ITEMS; i++) {
        int rc = rota_chan_send(c, &i);
        if (was_cut(rc))
            count((uintptr_t)i);
        else
            CHECK_INT(rc, 0);
    }
    return 0;
}

static ROTA_ASYNC(receive_ints, (rota_chan *, c))
{
    int last[CROWD];
    memset(last, -1, sizeof last);
    for (;;) {
        int value = -1;
        int rc = rota_chan_recv(c, &value);
        if (rc == -EPIPE)
            return 0;
        if (was_cut(rc)) {
            CHECK_INT(value, -1);
            continue;
        }
        CHECK_INT(rc, 0);
        count((uintptr_t)value);
        /* Of each sender the values come in order. */
        CHECK(value > last[value / ITEMS]);
        last[value / ITEMS] = value;
    }
}

/* PITFALL 51 */
SIM_TEST("what is sent on a channel of any capacity is received once, or its "
         "sender was told that it was not")
{
    enum { SENDERS = CROWD / 2 };
    memset(seen, 0, sizeof seen);
    rota_chan *c = rota_chan_new(sizeof(int), rota_sim_random(3), 0);
    rota_task *t[CROWD], *extra[CROWD];
    for (int i = 0; i < CROWD; i++) {
        t[i] = i < SENDERS ? rota_create_task(send_ints, c, i * ITEMS)
                           : rota_create_task(receive_ints, c);
        extra[i] = rota_task_ref(t[i]);
    }
    rota_task *p = rota_create_task(pester, extra, 2 * CROWD);
    for (int i = 0; i < SENDERS; i++) {
        int rc = rota_await(t[i]);
        CHECK(rc == 0 || rc == -ROTA_ECHILD);
    }
    CHECK_INT(rota_await(p), 0);
    CHECK_INT(rota_chan_close(c), 0);
    for (int i = SENDERS; i < CROWD; i++)
        CHECK_INT(rota_await(t[i]), 0);
    for (int i = 0; i < CROWD; i++)
        rota_task_unref(extra[i]);
    check_all_seen(SENDERS * ITEMS);
    rota_chan_unref(c);
}
