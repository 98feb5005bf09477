/*
 * Channels: what a send and a receive do, of one thread's channels and of
 * shared ones.
 */
#include "loops.h"

#include <stdlib.h>

enum { CAPS = 21 };

struct result {
    int rc;
    int value;
    int next; /* of the suspending call after it */
};

static ROTA_ASYNC(send_one, (rota_chan *, c), (int, value),
                  (struct result *, r))
{
    r->rc = rota_chan_send(c, &value);
    r->next = rota_sleep(0);
    return 0;
}

static ROTA_ASYNC(recv_one, (rota_chan *, c), (struct result *, r))
{
    r->value = -1;
    r->rc = rota_chan_recv(c, &r->value);
    r->next = rota_sleep(0);
    return 0;
}

static rota_task *sender(rota_chan *c, int value, struct result *r)
{
    *r = (struct result){ 1, value, 1 };
    return rota_create_task(send_one, c, value, r);
}

static rota_task *receiver(rota_chan *c, struct result *r)
{
    *r = (struct result){ 1, -1, 1 };
    return rota_create_task(recv_one, c, r);
}

/* Lets everything run until it waits. */
static void settle(void)
{
    for (int i = 0; i < 4; i++)
        CHECK_INT(rota_sleep(0), 0);
}

static rota_chan *new_ints(size_t capacity, unsigned flags)
{
    rota_chan *c = rota_chan_new(sizeof(int), capacity, flags);
    CHECK(c);
    return c;
}

static int try_send(rota_chan *c, int value)
{
    return rota_chan_try_send(c, &value);
}

/* The element, or a negative code. */
static int try_recv(rota_chan *c)
{
    int value = -1;
    int rc = rota_chan_try_recv(c, &value);
    CHECK(rc == 0 || value == -1);
    return rc < 0 ? rc : value;
}

static int take(rota_chan *c)
{
    int value = -1;
    int rc = rota_chan_recv(c, &value);
    CHECK(rc == 0 || value == -1);
    return rc < 0 ? rc : value;
}

/* CHAN-01 */
BOTH_TEST("a receive from an empty channel waits, of any capacity")
{
    for (size_t cap = 0; cap < CAPS; cap++) {
        rota_chan *c = new_ints(cap, flags);
        struct result r;
        CHECK_INT(try_recv(c), -EAGAIN);
        rota_task *t = receiver(c, &r);
        settle();
        CHECK_INT(r.rc, 1);
        CHECK_INT(rota_chan_send(c, &(int){ 5 }), 0);
        CHECK_INT(rota_await(t), 0);
        CHECK_INT(r.rc, 0);
        CHECK_INT(r.value, 5);
        CHECK_INT(rota_chan_len(c), 0);
        CHECK_INT(rota_chan_cap(c), cap);
        rota_chan_unref(c);
    }
}

/* CHAN-02 */
BOTH_TEST("a send into a full channel waits, of any capacity")
{
    for (size_t cap = 0; cap < CAPS; cap++) {
        rota_chan *c = new_ints(cap, flags);
        for (size_t i = 0; i < cap; i++)
            CHECK_INT(rota_chan_send(c, &(int){ (int)i }), 0);
        CHECK_INT(try_send(c, 99), -EAGAIN);
        struct result r;
        rota_task *t = sender(c, (int)cap, &r);
        settle();
        CHECK_INT(r.rc, 1);
        CHECK_INT(rota_chan_len(c), cap);
        for (size_t i = 0; i <= cap; i++)
            CHECK_INT(take(c), i);
        CHECK_INT(rota_await(t), 0);
        CHECK_INT(r.rc, 0);
        CHECK_INT(try_recv(c), -EAGAIN);
        rota_chan_unref(c);
    }
}

/* CHAN-03 */
BOTH_TEST("a closed channel gives what it holds, then -EPIPE")
{
    for (size_t cap = 0; cap < CAPS; cap++) {
        rota_chan *c = new_ints(cap, flags);
        for (size_t i = 0; i < cap; i++)
            CHECK_INT(try_send(c, (int)i), 0);
        CHECK_INT(rota_chan_close(c), 0);
        for (size_t i = 0; i < cap; i++)
            CHECK_INT(take(c), i);
        CHECK_INT(take(c), -EPIPE);
        CHECK_INT(take(c), -EPIPE);
        CHECK_INT(try_recv(c), -EPIPE);
        rota_chan_unref(c);
    }
}

/* CHAN-04, CHAN-05, PITFALL 51 */
BOTH_TEST("a close ends all receives, or all sends, that wait")
{
    for (size_t cap = 0; cap <= 5; cap += 5) {
        rota_chan *c = new_ints(cap, flags);
        struct result a, b;
        rota_task *t = receiver(c, &a), *u = receiver(c, &b);
        settle();
        CHECK_INT(rota_chan_close(c), 0);
        CHECK_INT(rota_await(t), 0);
        CHECK_INT(rota_await(u), 0);
        CHECK_INT(a.rc, -EPIPE);
        CHECK_INT(b.rc, -EPIPE);
        CHECK_INT(a.value, -1);
        rota_chan_unref(c);
    }
    rota_chan *c = new_ints(1, flags);
    CHECK_INT(try_send(c, 7), 0);
    struct result a, b;
    rota_task *t = sender(c, 1, &a), *u = sender(c, 2, &b);
    settle();
    CHECK_INT(rota_chan_close(c), 0);
    CHECK_INT(rota_await(t), 0);
    CHECK_INT(rota_await(u), 0);
    CHECK_INT(a.rc, -EPIPE);
    CHECK_INT(b.rc, -EPIPE);
    CHECK_INT(take(c), 7);
    CHECK_INT(take(c), -EPIPE);
    rota_chan_unref(c);
}

/* CHAN-06 */
BOTH_TEST("a second close is -EALREADY, a send on a closed channel -EPIPE")
{
    rota_chan *c = new_ints(3, flags);
    CHECK_INT(rota_chan_close(c), 0);
    CHECK_INT(rota_chan_close(c), -EALREADY);
    CHECK_INT(rota_chan_send(c, &(int){ 1 }), -EPIPE);
    CHECK_INT(try_send(c, 1), -EPIPE);
    CHECK_INT(rota_chan_len(c), 0);
    rota_chan_unref(c);
}

/* CHAN-07 */
BOTH_TEST("without capacity a send returns when a receiver has the element")
{
    rota_chan *c = new_ints(0, flags);
    CHECK_INT(try_send(c, 1), -EAGAIN);
    CHECK_INT(try_recv(c), -EAGAIN);
    struct result r;
    rota_task *t = sender(c, 9, &r);
    settle();
    CHECK_INT(r.rc, 1);
    CHECK_INT(rota_chan_len(c), 0);
    CHECK_INT(try_recv(c), 9);
    CHECK_INT(r.rc, 1); /* it has not run yet */
    CHECK_INT(rota_await(t), 0);
    CHECK_INT(r.rc, 0);
    t = receiver(c, &r);
    settle();
    CHECK_INT(try_send(c, 8), 0);
    CHECK_INT(rota_await(t), 0);
    CHECK_INT(r.value, 8);
    rota_chan_unref(c);
}

/* CHAN-09 */
BOTH_TEST("room that a receive makes belongs to the sender that waits")
{
    rota_chan *c = new_ints(1, flags);
    CHECK_INT(try_send(c, 1), 0);
    struct result r;
    rota_task *t = sender(c, 2, &r);
    settle();
    CHECK_INT(try_recv(c), 1);
    CHECK_INT(try_send(c, 3), -EAGAIN);
    CHECK_INT(take(c), 2);
    CHECK_INT(rota_await(t), 0);
    CHECK_INT(r.rc, 0);
    rota_chan_unref(c);
}

/* CHAN-10 */
BOTH_TEST("an element sent while a receiver waits belongs to that one")
{
    rota_chan *c = new_ints(1, flags);
    struct result r;
    rota_task *t = receiver(c, &r);
    settle();
    CHECK_INT(try_send(c, 2), 0);
    CHECK_INT(try_recv(c), -EAGAIN);
    CHECK_INT(rota_await(t), 0);
    CHECK_INT(r.value, 2);
    rota_chan_unref(c);
}

static ROTA_ASYNC(recv_in_scope, (rota_chan *, c), (rota_scope *, s),
                  (struct result *, r))
{
    CHECK_INT(rota_scope_begin(s, 0), 0);
    r->rc = rota_chan_recv(c, &r->value);
    r->next = rota_sleep(0);
    return rota_scope_end(s, r->next);
}

/* CHAN-11, RACE-01, PITFALL 51 */
BOTH_TEST("what was delivered is not reported as cancelled")
{
    rota_chan *c = new_ints(0, flags);
    rota_scope s;
    struct result r = { 1, -1, 1 };
    rota_task *t = rota_create_task(recv_in_scope, c, &s, &r);
    settle();
    CHECK_INT(try_send(c, 7), 0);
    rota_scope_cancel(&s, NULL);
    CHECK_INT(rota_await(t), 0);
    CHECK_INT(r.rc, 0);
    CHECK_INT(r.value, 7);
    CHECK_INT(r.next, -ECANCELED);
    rota_chan_unref(c);
}

/* CHAN-12, RACE-12 */
BOTH_TEST("a receive that timed out leaves no ghost")
{
    for (size_t cap = 0; cap < 2; cap++) {
        rota_chan *c = new_ints(cap, flags);
        int rc = 0, value = -1;
        ROTA_TIMEOUT (rota_ms(2), rc) {
            rc = rota_chan_recv(c, &value);
        }
        CHECK_INT(rc, -ETIMEDOUT);
        CHECK_INT(value, -1);
        CHECK_INT(try_send(c, 4), cap ? 0 : -EAGAIN);
        CHECK_INT(rota_chan_len(c), cap);
        rota_chan_unref(c);
    }
}

/* CHAN-13, RACE-02, PITFALL 51 */
BOTH_TEST("the element of a cancelled sender is not delivered")
{
    rota_chan *c = new_ints(0, flags);
    struct result a, b;
    rota_task *t = sender(c, 1, &a), *u = sender(c, 2, &b);
    settle();
    rota_task_cancel(t, NULL);
    CHECK_INT(take(c), 2);
    CHECK_INT(try_recv(c), -EAGAIN);
    CHECK_INT(rota_await(t), 0);
    CHECK_INT(rota_await(u), 0);
    CHECK_INT(a.rc, -ECANCELED);
    CHECK_INT(b.rc, 0);
    rota_chan_unref(c);
}

/* RACE-02 */
BOTH_TEST("a cancelled receiver's element goes to the next one")
{
    rota_chan *c = new_ints(0, flags);
    struct result a, b;
    rota_task *t = receiver(c, &a), *u = receiver(c, &b);
    settle();
    rota_task_cancel(t, NULL);
    CHECK_INT(try_send(c, 6), 0);
    CHECK_INT(try_send(c, 7), -EAGAIN);
    CHECK_INT(rota_await(t), 0);
    CHECK_INT(rota_await(u), 0);
    CHECK_INT(a.rc, -ECANCELED);
    CHECK_INT(b.value, 6);
    CHECK_INT(b.next, 0);
    rota_chan_unref(c);
}

/* RACE-01 */
BOTH_TEST("a send whose element was taken, then cancelled, has sent")
{
    rota_chan *c = new_ints(0, flags);
    struct result r;
    rota_task *t = sender(c, 3, &r);
    settle();
    CHECK_INT(try_recv(c), 3);
    rota_task_cancel(t, NULL);
    CHECK_INT(rota_await(t), 0);
    CHECK_INT(r.rc, 0);
    CHECK_INT(r.next, -ECANCELED);
    rota_chan_unref(c);
}

/* RACE-10 */
BOTH_TEST("closed, then cancelled: -EPIPE, and the cancel at the next call")
{
    rota_chan *c = new_ints(0, flags);
    struct result r;
    rota_task *t = receiver(c, &r);
    settle();
    CHECK_INT(rota_chan_close(c), 0);
    rota_task_cancel(t, NULL);
    CHECK_INT(rota_await(t), 0);
    CHECK_INT(r.rc, -EPIPE);
    CHECK_INT(r.next, -ECANCELED);
    rota_chan_unref(c);
}

/* RACE-07 */
BOTH_TEST("a cancelled task neither sends nor receives, but may try")
{
    rota_chan *c = new_ints(2, flags);
    CHECK_INT(try_send(c, 1), 0);
    rota_scope s;
    int value = -1;
    CHECK_INT(rota_scope_begin(&s, 0), 0);
    rota_scope_cancel(&s, NULL);
    CHECK_INT(rota_chan_recv(c, &value), -ECANCELED);
    CHECK_INT(rota_chan_send(c, &value), -ECANCELED);
    CHECK_INT(rota_chan_len(c), 1);
    CHECK_INT(try_send(c, 2), 0);
    CHECK_INT(try_recv(c), 1);
    CHECK_INT(rota_scope_end(&s, -ECANCELED), 0);
    CHECK_INT(take(c), 2);
    rota_chan_unref(c);
}

static ROTA_ASYNC(tx_send_one, (rota_chan_tx *, tx), (int, value),
                  (struct result *, r))
{
    r->rc = rota_tx_send(tx, &value);
    return 0;
}

static ROTA_ASYNC(rx_recv_one, (rota_chan_rx *, rx), (struct result *, r))
{
    r->rc = rota_rx_recv(rx, &r->value);
    return 0;
}

/* CHAN-14 */
BOTH_TEST("closing a sending end ends the sends on it, and no others")
{
    rota_chan *c = new_ints(0, flags);
    rota_chan_tx *s1 = rota_chan_open_tx(c), *s2 = rota_chan_open_tx(c);
    struct result a = { 1 }, b = { 1 };
    rota_task *t = rota_create_task(tx_send_one, s1, 1, &a);
    rota_task *u = rota_create_task(tx_send_one, s2, 2, &b);
    settle();
    rota_tx_close(s1);
    CHECK_INT(rota_await(t), 0);
    CHECK_INT(a.rc, -EBADF);
    CHECK_INT(b.rc, 1);
    CHECK_INT(take(c), 2);
    CHECK_INT(rota_await(u), 0);
    CHECK_INT(b.rc, 0);
    rota_tx_close(s2);
    CHECK_INT(take(c), -EPIPE);
    rota_chan_unref(c);
}

/* CHAN-15 */
BOTH_TEST("with its last sending end a channel closes, and keeps what it has")
{
    rota_chan *c = new_ints(4, flags);
    rota_chan_tx *tx = rota_chan_open_tx(c);
    rota_chan_rx *rx = rota_chan_open_rx(c);
    rota_chan_unref(c); /* the ends hold it */
    for (int i = 0; i < 2; i++)
        CHECK_INT(rota_tx_send(tx, &i), 0);
    CHECK_INT(rota_tx_try_send(tx, &(int){ 2 }), 0);
    rota_tx_close(tx);
    int value = -1;
    for (int i = 0; i < 2; i++) {
        CHECK_INT(rota_rx_recv(rx, &value), 0);
        CHECK_INT(value, i);
    }
    CHECK_INT(rota_rx_try_recv(rx, &value), 0);
    CHECK_INT(value, 2);
    CHECK_INT(rota_rx_try_recv(rx, &value), -EPIPE);
    CHECK_INT(rota_rx_recv(rx, &value), -EPIPE);
    rota_rx_close(rx);
    rota_rx_close(NULL);
    rota_tx_close(NULL);
}

static int dropped[8];
static int drops;

static void note_drop(void *elem)
{
    dropped[drops++] = *(int *)elem;
}

/* CHAN-16 */
BOTH_TEST("with its last receiving end a channel drops all, each once")
{
    rota_chan *c = new_ints(2, flags);
    rota_chan_on_drop(c, note_drop);
    rota_chan_rx *rx = rota_chan_open_rx(c), *second = rota_chan_open_rx(c);
    CHECK_INT(try_send(c, 10), 0);
    CHECK_INT(try_send(c, 11), 0);
    struct result r;
    rota_task *t = sender(c, 12, &r);
    settle();
    rota_rx_close(second);
    CHECK_INT(drops, 0);
    rota_rx_close(rx);
    CHECK_INT(rota_await(t), 0);
    CHECK_INT(r.rc, -EPIPE);
    CHECK_INT(try_send(c, 13), -EPIPE);
    CHECK_INT(try_recv(c), -EPIPE);
    CHECK_INT(drops, 2);
    CHECK_INT(dropped[0], 10);
    CHECK_INT(dropped[1], 11);
    rota_chan_unref(c);
    CHECK_INT(drops, 2);
}

BOTH_TEST("with its last reference a channel drops what it holds")
{
    rota_chan *c = rota_chan_ref(new_ints(3, flags));
    rota_chan_on_drop(c, note_drop);
    for (int i = 0; i < 3; i++)
        CHECK_INT(try_send(c, i), 0);
    CHECK_INT(try_recv(c), 0);
    CHECK_INT(try_send(c, 3), 0);
    rota_chan_unref(c);
    CHECK_INT(drops, 0);
    rota_chan_unref(c);
    CHECK_INT(drops, 3);
    for (int i = 0; i < 3; i++)
        CHECK_INT(dropped[i], i + 1);
    rota_chan_unref(NULL);
}

/* CHAN-17 */
BOTH_TEST("closing a receiving end ends the receives on it, and no others")
{
    rota_chan *c = new_ints(0, flags);
    rota_chan_rx *rx1 = rota_chan_open_rx(c), *rx2 = rota_chan_open_rx(c);
    struct result a = { 1, -1, 0 }, b = { 1, -1, 0 };
    rota_task *t = rota_create_task(rx_recv_one, rx1, &a);
    rota_task *u = rota_create_task(rx_recv_one, rx2, &b);
    settle();
    rota_rx_close(rx1);
    CHECK_INT(rota_await(t), 0);
    CHECK_INT(a.rc, -EBADF);
    CHECK_INT(try_send(c, 5), 0);
    CHECK_INT(rota_await(u), 0);
    CHECK_INT(b.rc, 0);
    CHECK_INT(b.value, 5);
    rota_rx_close(rx2);
    rota_chan_unref(c);
}

struct big {
    unsigned char bytes[4096];
};

static void fill(struct big *b, unsigned seed)
{
    for (size_t i = 0; i < sizeof b->bytes; i++)
        b->bytes[i] = (unsigned char)(seed + i * 7);
}

static ROTA_ASYNC(send_bigs, (rota_chan *, c))
{
    struct big b;
    for (unsigned i = 0; i < 20; i++) {
        fill(&b, i);
        int rc = rota_chan_send(c, &b);
        if (rc < 0)
            return rc;
    }
    return rota_chan_close(c);
}

static ROTA_ASYNC(send_nothings, (rota_chan *, c))
{
    for (int i = 0; i < 100; i++) {
        int rc = rota_chan_send(c, NULL);
        if (rc < 0)
            return rc;
    }
    return rota_chan_close(c);
}

/* CHAN-19, PITFALL 51 */
BOTH_TEST("elements of no size and of 4096 bytes arrive whole")
{
    for (size_t cap = 0; cap < 4; cap++) {
        rota_chan *c = rota_chan_new(sizeof(struct big), cap, flags);
        rota_task *t = rota_create_task(send_bigs, c);
        struct big got, want;
        unsigned count = 0;
        while (rota_chan_recv(c, &got) == 0) {
            fill(&want, count++);
            CHECK(memcmp(&got, &want, sizeof got) == 0);
        }
        CHECK_INT(count, 20);
        CHECK_INT(rota_await(t), 0);
        rota_chan_unref(c);

        c = rota_chan_new(0, cap, flags);
        t = rota_create_task(send_nothings, c);
        for (count = 0; rota_chan_recv(c, NULL) == 0; count++)
            ;
        CHECK_INT(count, 100);
        CHECK_INT(rota_await(t), 0);
        rota_chan_unref(c);
    }
}

/* CHAN-20 */
TASK_TEST("no channel is -EINVAL")
{
    int value = -1;
    CHECK_INT(rota_chan_send(NULL, &value), -EINVAL);
    CHECK_INT(rota_chan_recv(NULL, &value), -EINVAL);
    CHECK_INT(rota_chan_try_send(NULL, &value), -EINVAL);
    CHECK_INT(rota_chan_try_recv(NULL, &value), -EINVAL);
    CHECK_INT(rota_chan_close(NULL), -EINVAL);
    CHECK_INT(rota_tx_send(NULL, &value), -EINVAL);
    CHECK_INT(rota_rx_recv(NULL, &value), -EINVAL);
}

TEST("a channel that no memory can hold is NULL")
{
    CHECK(!rota_chan_new(1 << 20, SIZE_MAX / 2, 0));
    CHECK(!rota_chan_new(8, SIZE_MAX / 8 - 1, ROTA_SHARED));
}

BOTH_TEST("an unbounded channel takes all, in order, and gives it back")
{
    enum { MANY = 100000 };
    rota_chan *c = new_ints(ROTA_UNBOUNDED, flags);
    int got = 0;
    for (int i = 0; i < MANY; i++) {
        CHECK_INT(try_send(c, i), 0);
        if (i % 3 == 0)
            CHECK_INT(try_recv(c), got++);
    }
    CHECK_INT(rota_chan_len(c), (size_t)(MANY - got));
    while (got < MANY)
        CHECK_INT(take(c), got++);
    CHECK_INT(try_recv(c), -EAGAIN);
    rota_chan_unref(c);
    c = rota_chan_new(0, ROTA_UNBOUNDED, flags);
    for (int i = 0; i < MANY; i++)
        CHECK_INT(rota_chan_send(c, NULL), 0);
    CHECK_INT(rota_chan_len(c), MANY);
    CHECK_INT(rota_chan_recv(c, NULL), 0);
    rota_chan_unref(c);
}

static void *try_from_outside(void *c)
{
    int value = 1;
    CHECK_INT(rota_chan_try_send(c, &value), -EXDEV);
    CHECK_INT(rota_chan_close(c), -EXDEV);
    return NULL;
}

TASK_TEST("one thread's channel used from another is misuse")
{
    rota_chan *c = new_ints(1, 0);
    CHECK_INT(rota_chan_len(c), 0); /* now it is ours */
    rota_set_misuse_handler(count_misuse);
    pthread_t thread;
    CHECK_INT(pthread_create(&thread, NULL, try_from_outside, c), 0);
    CHECK_INT(pthread_join(thread, NULL), 0);
    CHECK_INT(misuses, 2);
    CHECK_HAS(misuse_text, "ROTA_SHARED");
    CHECK_INT(rota_chan_len(c), 0);
    rota_chan_unref(c);
}

static void panic_outside(void)
{
    rota_chan *c = rota_chan_new(sizeof(int), 1, 0);
    int value = 1;
    rota_ignore(rota_chan_send(c, &value));
}

TEST("a send outside of tasks panics")
{
    char err[512];
    int status = test_child(panic_outside, err, sizeof err);
    CHECK(status != 0);
    CHECK_HAS(err, "outside of a task");
}

/* FIFO on both sides. */
BOTH_TEST("senders and receivers are served in the order they came")
{
    rota_chan *c = new_ints(0, flags);
    struct result r[6];
    rota_task *t[6];
    for (int i = 0; i < 6; i++)
        t[i] = sender(c, i, &r[i]);
    settle();
    for (int i = 0; i < 6; i++)
        CHECK_INT(take(c), i);
    for (int i = 0; i < 6; i++)
        CHECK_INT(rota_await(t[i]), 0);
    for (int i = 0; i < 6; i++)
        t[i] = receiver(c, &r[i]);
    settle();
    for (int i = 0; i < 6; i++)
        CHECK_INT(try_send(c, 10 + i), 0);
    for (int i = 0; i < 6; i++) {
        CHECK_INT(rota_await(t[i]), 0);
        CHECK_INT(r[i].value, 10 + i);
    }
    rota_chan_unref(c);
}

/* A sender that never has to wait lets others run all the same. */
BOTH_TEST("a channel that is always ready does not starve other tasks")
{
    rota_chan *c = new_ints(1, flags);
    rota_task *t = rota_create_task(nothing);
    int rounds = 0;
    while (!rota_task_done(t) && rounds < 100000) {
        CHECK_INT(rota_chan_send(c, &rounds), 0);
        CHECK_INT(take(c), rounds++);
    }
    CHECK(rounds < 1000);
    CHECK_INT(rota_await(t), 0);
    rota_chan_unref(c);
}

typedef ROTA_CHAN(int) int_chan;
typedef ROTA_TX(int) int_tx;
typedef ROTA_RX(int) int_rx;

struct point {
    double x, y;
};
typedef ROTA_CHAN(struct point) point_chan;
typedef ROTA_CHAN(const char *) text_chan;
typedef ROTA_CHAN(char[16]) name_chan;

static ROTA_ASYNC(count_to, (int_chan, c), (int, n))
{
    for (int i = 1; i <= n; i++) {
        int rc = ROTA_SEND(c, i);
        if (rc < 0)
            return rc;
    }
    return rota_chan_close(c.chan);
}

TASK_TEST("typed handles send values and receive into variables")
{
    int_chan c = ROTA_CHAN_NEW(int_chan, 2, 0);
    CHECK(c.chan);
    CHECK_INT(sizeof c, sizeof c.chan);
    rota_task *t = rota_create_task(count_to, c, 10);
    int n, sum = 0;
    while (ROTA_RECV(c, &n) == 0)
        sum += n;
    CHECK_INT(sum, 55);
    CHECK_INT(rota_await(t), 0);
    rota_chan_unref(c.chan);

    point_chan p = ROTA_CHAN_NEW(point_chan, 4, 0);
    struct point here = { 1, 2 }, there;
    CHECK_INT(ROTA_SEND(p, here), 0);
    CHECK_INT(ROTA_TRY_SEND(p, (struct point){ 3, 4 }), 0);
    CHECK_INT(ROTA_RECV(p, &there), 0);
    CHECK(there.x == 1 && there.y == 2);
    CHECK_INT(ROTA_TRY_RECV(p, &there), 0);
    CHECK(there.x == 3 && there.y == 4);
    rota_chan_unref(p.chan);

    text_chan w = ROTA_CHAN_NEW(text_chan, 1, 0);
    const char *word;
    CHECK_INT(ROTA_SEND(w, "word"), 0);
    CHECK_INT(ROTA_RECV(w, &word), 0);
    CHECK_STR(word, "word");
    rota_chan_unref(w.chan);

    name_chan names = ROTA_CHAN_NEW(name_chan, 1, 0);
    char name[16] = "a name";
    CHECK_INT(rota_chan_send(names.chan, name), 0);
    memset(name, 0, sizeof name);
    CHECK_INT(ROTA_RECV(names, &name), 0);
    CHECK_STR(name, "a name");
    rota_chan_unref(names.chan);
}

TASK_TEST("typed handles of ends")
{
    rota_chan *c = new_ints(3, 0);
    int_tx tx = { rota_chan_open_tx(c) };
    int_rx rx = { rota_chan_open_rx(c) };
    rota_chan_unref(c);
    int n = 0;
    CHECK_INT(ROTA_SEND(tx, 1), 0);
    CHECK_INT(ROTA_TRY_SEND(tx, 2), 0);
    rota_tx_close(tx.chan);
    CHECK_INT(ROTA_RECV(rx, &n), 0);
    CHECK_INT(n, 1);
    CHECK_INT(ROTA_TRY_RECV(rx, &n), 0);
    CHECK_INT(n, 2);
    CHECK_INT(ROTA_RECV(rx, &n), -EPIPE);
    rota_rx_close(rx.chan);
}

TASK_TEST("a channel that tasks wait on is not destroyed, and stays as it was")
{
    rota_set_misuse_handler(count_misuse);
    for (int shared = 0; shared < 2; shared++) {
        rota_chan *c = new_ints(0, shared ? ROTA_SHARED : 0);
        struct result r;
        rota_task *t = receiver(c, &r);
        settle();
        rota_chan_unref(c);
        CHECK_INT(misuses, 1 + shared);
        CHECK_INT(try_send(c, 7), 0);
        CHECK_INT(rota_await(t), 0);
        CHECK_INT(r.value, 7);
        rota_chan_unref(c); /* LeakSanitizer looks whether it is gone */
    }
}
