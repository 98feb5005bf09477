/*
 * Select, on one loop.
 */
#include "loops.h"

#include <stdlib.h>

#include "loop/loop.h"
#include "sync/event.h"

static rota_chan *new_ints(size_t capacity, unsigned flags)
{
    rota_chan *c = rota_chan_new(sizeof(int), capacity, flags);
    CHECK(c);
    return c;
}

/* Lets everything run until it waits. */
static void settle(void)
{
    for (int i = 0; i < 4; i++)
        CHECK_INT(rota_sleep(0), 0);
}

static int try_recv(rota_chan *c)
{
    int value = -1;
    int rc = rota_chan_try_recv(c, &value);
    return rc < 0 ? rc : value;
}

static int try_send(rota_chan *c, int value)
{
    return rota_chan_try_send(c, &value);
}

static ROTA_ASYNC(send_one, (rota_chan *, c), (int, value))
{
    return rota_chan_send(c, &value);
}

/* Selects between two channels that are both ready; which, as 'a' or 'b'. */
static char choose(rota_chan *a, rota_chan *b)
{
    int value = -1;
    rota_case cases[] = { rota_case_recv(a, &value),
                          rota_case_recv(b, &value) };
    int i = rota_select(cases, 2, 0, 0);
    CHECK(i == 0 || i == 1);
    CHECK_INT(cases[i].rc, 0);
    CHECK_INT(try_send(i ? b : a, value), 0);
    return "ab"[i];
}

/* SEL-01 */
BOTH_TEST("each of two ready cases comes about as often, by the loop's seed")
{
    enum { ROUNDS = 10000 };
    static char order[2][ROUNDS + 1];
    rota_chan *a = new_ints(1, flags), *b = new_ints(1, flags);
    CHECK_INT(try_send(a, 1), 0);
    CHECK_INT(try_send(b, 2), 0);
    for (int k = 0; k < 2; k++) {
        loop_current()->chance.state = 42;
        int as = 0;
        for (int i = 0; i < ROUNDS; i++) {
            order[k][i] = choose(a, b);
            as += order[k][i] == 'a';
        }
        CHECK(as > ROUNDS * 4 / 10 && as < ROUNDS * 6 / 10);
    }
    CHECK_STR(order[0], order[1]);
    rota_chan_unref(a);
    rota_chan_unref(b);
}

/* PITFALL 52 */
TASK_TEST("each of eight ready cases is as likely: chi-square over 1e5")
{
    enum { WAYS = 8, ROUNDS = 100000 };
    rota_chan *c[WAYS];
    long count[WAYS] = { 0 };
    for (int i = 0; i < WAYS; i++) {
        c[i] = new_ints(2, 0);
        CHECK_INT(try_send(c[i], i), 0);
    }
    loop_current()->chance.state = 7;
    for (int k = 0; k < ROUNDS; k++) {
        rota_case cases[WAYS];
        int value = -1;
        for (int i = 0; i < WAYS; i++)
            cases[i] = rota_case_recv(c[i], &value);
        int i = rota_select(cases, WAYS, ROTA_FOREVER, 0);
        CHECK(i >= 0);
        CHECK_INT(value, i);
        CHECK_INT(try_send(c[i], i), 0);
        count[i]++;
    }
    double chi = 0, mean = (double)ROUNDS / WAYS;
    for (int i = 0; i < WAYS; i++)
        chi += ((double)count[i] - mean) * ((double)count[i] - mean) / mean;
    CHECK(chi < 24.3); /* 7 degrees of freedom: 1 in 1000, and seeded */
    for (int i = 0; i < WAYS; i++)
        rota_chan_unref(c[i]);
}

static ROTA_ASYNC(cancel_after, (rota_dur, d), (rota_task *, t))
{
    int rc = rota_sleep(d);
    rota_task_cancel(t, NULL);
    return rc;
}

static ROTA_ASYNC(select_two, (rota_chan *, a), (rota_chan *, b),
                  (rota_dur, timeout))
{
    int value;
    rota_case cases[] = { rota_case_recv(a, &value),
                          rota_case_recv(b, &value) };
    return rota_select(cases, 2, timeout, 0) + 1000;
}

/* SEL-02, PITFALL 52 */
BOTH_TEST("with nothing ready: -EAGAIN, -ETIMEDOUT or -ECANCELED")
{
    rota_chan *a = new_ints(0, flags), *b = new_ints(3, flags);
    int value = -1;
    rota_case cases[] = { rota_case_recv(a, &value),
                          rota_case_recv(b, &value) };
    CHECK_INT(rota_select(cases, 2, 0, 0), -EAGAIN);
    CHECK_INT(rota_select(cases, 2, -5, 0), -EAGAIN);
    CHECK_INT(rota_select(cases, 2, rota_ms(5), 0), -ETIMEDOUT);
    rota_task *t = rota_create_task(select_two, a, b, ROTA_FOREVER);
    rota_task *u = rota_create_task(cancel_after, rota_ms(1), t);
    rota_outcome out;
    CHECK_INT(rota_join(t, &out), 0);
    CHECK_INT(out.rc, 1000 - ECANCELED);
    rota_task_unref(t);
    CHECK_INT(rota_await(u), 0);
    /* and it has left nothing behind */
    CHECK_INT(try_send(a, 1), -EAGAIN);
    CHECK_INT(try_send(b, 1), 0);
    CHECK_INT(try_recv(b), 1);
    CHECK_INT(value, -1);
    rota_chan_unref(a);
    rota_chan_unref(b);
}

/* SEL-05, PITFALL 52 */
BOTH_TEST("a select does not send to itself")
{
    rota_chan *c = new_ints(0, flags);
    int value = -1;
    rota_case cases[] = { rota_case_send(c, &(int){ 1 }),
                          rota_case_recv(c, &value) };
    CHECK_INT(rota_select(cases, 2, rota_ms(5), 0), -ETIMEDOUT);
    CHECK_INT(value, -1);
    CHECK_INT(try_send(c, 1), -EAGAIN);
    CHECK_INT(try_recv(c), -EAGAIN);
    rota_chan_unref(c);
}

enum { SELF_ROUNDS = 1000 };

static ROTA_ASYNC(send_or_recv, (rota_chan *, c), (int, me), (int *, received))
{
    for (int i = 0; i < SELF_ROUNDS; i++) {
        int value = -1;
        rota_case cases[] = { rota_case_send(c, &me),
                              rota_case_recv(c, &value) };
        int k = rota_select(cases, 2, ROTA_FOREVER, 0);
        if (k < 0)
            return k;
        CHECK_INT(cases[k].rc, 0);
        CHECK(value != me);
        *received += k;
    }
    return 0;
}

/* SEL-06 */
BOTH_TEST("two selects that each send and receive meet each other")
{
    rota_chan *c = new_ints(0, flags);
    int got[2] = { 0, 0 };
    rota_task *t = rota_create_task(send_or_recv, c, 1, &got[0]);
    rota_task *u = rota_create_task(send_or_recv, c, 2, &got[1]);
    CHECK_INT(rota_await(t), 0);
    CHECK_INT(rota_await(u), 0);
    CHECK_INT(got[0] + got[1], SELF_ROUNDS);
    rota_chan_unref(c);
}

static ROTA_ASYNC(close_it, (rota_chan *, c))
{
    return rota_chan_close(c);
}

/* SEL-08 */
BOTH_TEST("a channel that is closed meanwhile is ready, with -EPIPE")
{
    rota_chan *c = new_ints(0, flags), *d = new_ints(0, flags);
    int value = -1;
    rota_task *t = rota_create_task(close_it, d);
    rota_case cases[] = { rota_case_recv(c, &value),
                          rota_case_recv(d, &value) };
    CHECK_INT(rota_select(cases, 2, ROTA_FOREVER, 0), 1);
    CHECK_INT(cases[1].rc, -EPIPE);
    CHECK_INT(value, -1);
    CHECK_INT(rota_await(t), 0);
    rota_chan_unref(c);
    rota_chan_unref(d);
}

/* SEL-09, PITFALL 52 */
BOTH_TEST("closed channels are ready, with -EPIPE")
{
    rota_chan *c = new_ints(3, flags), *d = new_ints(0, flags);
    CHECK_INT(rota_chan_close(c), 0);
    CHECK_INT(rota_chan_close(d), 0);
    int value = 1;
    rota_case one[] = { rota_case_send(c, &value) };
    CHECK_INT(rota_select(one, 1, 0, 0), 0);
    CHECK_INT(one[0].rc, -EPIPE);
    rota_case all[] = { rota_case_recv(c, &value), rota_case_send(d, &value),
                        rota_case_recv(d, &value) };
    int i = rota_select(all, 3, ROTA_FOREVER, 0);
    CHECK(i >= 0 && i < 3);
    CHECK_INT(all[i].rc, -EPIPE);
    rota_chan_unref(c);
    rota_chan_unref(d);
}

static ROTA_ASYNC(select_nothing, (size_t, n))
{
    rota_case cases[4] = { rota_case_recv(NULL, NULL),
                           rota_case_event(NULL),
                           rota_case_done(NULL),
                           { .kind = ROTA_CASE_NEVER } };
    return rota_select(cases, n, ROTA_FOREVER, 0);
}

/* SEL-10, SEL-11 */
BOTH_TEST("a case without its object is never ready")
{
    rota_chan *c = new_ints(1, flags);
    for (int i = 0; i < 20; i++) {
        int value = -1;
        CHECK_INT(try_send(c, i), 0);
        rota_case cases[] = { rota_case_recv(NULL, &value),
                              rota_case_recv(c, &value),
                              rota_case_send(NULL, &value) };
        CHECK_INT(rota_select(cases, 3, ROTA_FOREVER, 0), 1);
        CHECK_INT(value, i);
    }
    for (size_t n = 0; n <= 4; n += 4) {
        CHECK_INT(rota_select(NULL, 0, rota_ms(1), 0), -ETIMEDOUT);
        CHECK_INT(rota_select(NULL, 0, 0, 0), -EAGAIN);
        rota_task *t = rota_create_task(select_nothing, n);
        rota_task *u = rota_create_task(cancel_after, rota_ms(10), t);
        CHECK_INT(rota_await(t), -ROTA_ECHILD);
        CHECK_INT(rota_await(u), 0);
    }
    rota_chan_unref(c);
}

/* SEL-13 */
BOTH_TEST("by priority the first listed is done")
{
    rota_chan *a = new_ints(1, flags), *b = new_ints(1, flags);
    CHECK_INT(try_send(a, 1), 0);
    CHECK_INT(try_send(b, 2), 0);
    for (int i = 0; i < 100; i++) {
        int value = -1;
        rota_case cases[] = { rota_case_recv(a, &value),
                              rota_case_recv(b, &value) };
        CHECK_INT(rota_select(cases, 2, ROTA_FOREVER, ROTA_SELECT_PRIORITY), 0);
        CHECK_INT(value, 1);
        CHECK_INT(try_send(a, 1), 0);
    }
    rota_chan_unref(a);
    rota_chan_unref(b);
}

static ROTA_ASYNC(set_event, (rota_event *, e))
{
    rota_event_set(e);
    return 0;
}

static ROTA_ASYNC(set_future, (rota_future *, f))
{
    return rota_future_set(f, 5, NULL, NULL);
}

/* SEL-14 */
BOTH_TEST("a task that ends, a future, an event: what comes first is told")
{
    rota_event e;
    CHECK_INT(rota_event_init(&e, flags), 0);
    rota_chan *c = new_ints(0, flags);
    int value = -1;
    rota_task *t = rota_create_task(give_after, rota_ms(2), 3);
    rota_case cases[] = { rota_case_done(rota_task_future(t)),
                          rota_case_event(&e), rota_case_recv(c, &value) };
    CHECK_INT(rota_select(cases, 3, ROTA_FOREVER, 0), 0);
    CHECK_INT(cases[0].rc, 0);
    CHECK_INT(rota_event_waiters(&e), 0);
    CHECK_INT(rota_await(t), 3);

    rota_future *f = rota_future_new();
    cases[0] = rota_case_done(f);
    t = rota_create_task(set_event, &e);
    CHECK_INT(rota_select(cases, 3, ROTA_FOREVER, 0), 1);
    CHECK(rota_event_is_set(&e));
    CHECK_INT(rota_await(t), 0);
    rota_event_clear(&e);
    t = rota_create_task(send_one, c, 9);
    CHECK_INT(rota_select(cases, 3, ROTA_FOREVER, 0), 2);
    CHECK_INT(value, 9);
    CHECK_INT(rota_await(t), 0);
    t = rota_create_task(set_future, f);
    CHECK_INT(rota_select(cases, 3, ROTA_FOREVER, 0), 0);
    CHECK_INT(rota_await(t), 0);
    CHECK_INT(rota_select(cases, 3, 0, ROTA_SELECT_PRIORITY), 0);
    rota_future_unref(f);
    rota_chan_unref(c);
    CHECK_INT(rota_event_fini(&e), 0);
}

/* SEL-15 */
TASK_TEST("a timeout that is not needed leaves nothing behind")
{
    rota_chan *c = new_ints(1, 0);
    struct loop *l = loop_current();
    size_t before = l->timers.count;
    for (int i = 0; i < 100000; i++) {
        int value = -1;
        CHECK_INT(try_send(c, i), 0);
        rota_case cases[] = { rota_case_recv(c, &value) };
        CHECK_INT(rota_select(cases, 1, rota_ms(10), 0), 0);
        CHECK_INT(value, i);
        CHECK_INT(l->timers.count, before);
    }
    rota_chan_unref(c);
    c = new_ints(0, 0);
    rota_task *t = rota_create_task(send_one, c, 1);
    int value = -1;
    rota_case cases[] = { rota_case_recv(c, &value) };
    CHECK_INT(rota_select(cases, 1, LONG, 0), 0);
    CHECK_INT(l->timers.count, before);
    CHECK_INT(rota_await(t), 0);
    rota_chan_unref(c);
}

struct chosen {
    int index;
    int rc;
    int value;
    int next;
};

static ROTA_ASYNC(recv_either, (rota_chan *, a), (rota_chan *, b),
                  (struct chosen *, r))
{
    r->value = -1;
    rota_case cases[] = { rota_case_recv(a, &r->value),
                          rota_case_recv(b, &r->value) };
    r->index = rota_select(cases, 2, ROTA_FOREVER, 0);
    r->rc = r->index < 0 ? 0 : cases[r->index].rc;
    r->next = rota_sleep(0);
    return 0;
}

/* PITFALL 52, RACE-01, RACE-02 */
BOTH_TEST("one case happens, the others leave no trace, whoever comes next")
{
    rota_chan *a = new_ints(0, flags), *b = new_ints(0, flags);
    struct chosen r;
    rota_task *t = rota_create_task(recv_either, a, b, &r);
    settle();
    CHECK_INT(try_send(b, 7), 0);
    CHECK_INT(try_send(a, 8), -EAGAIN);
    CHECK_INT(try_send(b, 9), -EAGAIN);
    rota_task_cancel(t, NULL);
    CHECK_INT(rota_await(t), 0);
    CHECK_INT(r.index, 1);
    CHECK_INT(r.rc, 0);
    CHECK_INT(r.value, 7);
    CHECK_INT(r.next, -ECANCELED);

    t = rota_create_task(recv_either, a, b, &r);
    settle();
    rota_task_cancel(t, NULL);
    CHECK_INT(try_send(a, 8), -EAGAIN);
    CHECK_INT(rota_await(t), 0);
    CHECK_INT(r.index, -ECANCELED);
    CHECK_INT(r.value, -1);

    t = rota_create_task(recv_either, a, a, &r); /* one channel twice */
    settle();
    CHECK_INT(try_send(a, 5), 0);
    CHECK_INT(try_send(a, 6), -EAGAIN);
    CHECK_INT(rota_await(t), 0);
    CHECK(r.index == 0 || r.index == 1);
    CHECK_INT(r.value, 5);

    t = rota_create_task(recv_either, a, a, &r);
    settle();
    CHECK_INT(rota_chan_close(a), 0);
    CHECK_INT(rota_await(t), 0);
    CHECK_INT(r.rc, -EPIPE);
    CHECK_INT(r.next, 0);
    rota_chan_unref(a);
    rota_chan_unref(b);
}

/* RACE-07 */
BOTH_TEST("a cancelled task selects nothing, ready or not")
{
    rota_chan *c = new_ints(1, flags);
    CHECK_INT(try_send(c, 1), 0);
    rota_scope s;
    int value = -1;
    rota_case cases[] = { rota_case_recv(c, &value) };
    CHECK_INT(rota_scope_begin(&s, 0), 0);
    rota_scope_cancel(&s, NULL);
    CHECK_INT(rota_select(cases, 1, 0, 0), -ECANCELED);
    CHECK_INT(rota_scope_end(&s, -ECANCELED), 0);
    CHECK_INT(value, -1);
    CHECK_INT(try_recv(c), 1);
    rota_chan_unref(c);
}

/* RACE-08 */
BOTH_TEST("a ready case wins over a timeout of 0 and of less")
{
    rota_chan *c = new_ints(2, flags);
    CHECK_INT(try_send(c, 1), 0);
    CHECK_INT(try_send(c, 2), 0);
    int value = -1;
    rota_case cases[] = { rota_case_recv(c, &value) };
    CHECK_INT(rota_select(cases, 1, 0, 0), 0);
    CHECK_INT(value, 1);
    CHECK_INT(rota_select(cases, 1, -5, 0), 0);
    CHECK_INT(value, 2);
    rota_chan_unref(c);
}

static ROTA_ASYNC(select_end, (rota_chan_rx *, rx), (rota_chan *, other),
                  (struct chosen *, r))
{
    r->value = -1;
    rota_case cases[] = { rota_case_rx(rx, &r->value),
                          rota_case_recv(other, &r->value) };
    r->index = rota_select(cases, 2, ROTA_FOREVER, 0);
    r->rc = r->index < 0 ? 0 : cases[r->index].rc;
    return 0;
}

BOTH_TEST("an end that is closed ends the selects on it with -EBADF")
{
    rota_chan *c = new_ints(0, flags), *d = new_ints(0, flags);
    rota_chan_rx *one = rota_chan_open_rx(c), *two = rota_chan_open_rx(c);
    struct chosen a, b;
    rota_task *t = rota_create_task(select_end, one, d, &a);
    rota_task *u = rota_create_task(select_end, two, d, &b);
    settle();
    rota_rx_close(one);
    CHECK_INT(rota_await(t), 0);
    CHECK_INT(a.index, 0);
    CHECK_INT(a.rc, -EBADF);
    CHECK_INT(try_send(c, 3), 0);
    CHECK_INT(rota_await(u), 0);
    CHECK_INT(b.index, 0);
    CHECK_INT(b.value, 3);
    rota_rx_close(two);
    rota_chan_unref(c);
    rota_chan_unref(d);
}

BOTH_TEST("a select with many cases, of which one comes")
{
    enum { MANY = 60 };
    rota_chan *c[MANY];
    rota_case cases[MANY];
    int value = -1;
    for (int i = 0; i < MANY; i++) {
        c[i] = new_ints(0, flags);
        cases[i] = rota_case_recv(c[i], &value);
    }
    for (int k = 0; k < MANY; k += 7) {
        rota_task *t = rota_create_task(send_one, c[k], k);
        CHECK_INT(rota_select(cases, MANY, ROTA_FOREVER, 0), k);
        CHECK_INT(value, k);
        CHECK_INT(rota_await(t), 0);
    }
    for (int i = 0; i < MANY; i++)
        rota_chan_unref(c[i]);
}

typedef ROTA_CHAN(int) int_chan;

TASK_TEST("cases of typed handles")
{
    int_chan c = ROTA_CHAN_NEW(int_chan, 1, 0);
    int value = -1;
    rota_case send[] = { ROTA_CASE_OF_SEND(c, 42) };
    rota_case recv[] = { ROTA_CASE_OF_RECV(c, &value) };
    CHECK_INT(rota_select(send, 1, 0, 0), 0);
    CHECK_INT(rota_select(send, 1, 0, 0), -EAGAIN);
    CHECK_INT(rota_select(recv, 1, 0, 0), 0);
    CHECK_INT(value, 42);
    rota_chan_unref(c.chan);
}
