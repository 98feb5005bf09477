/*
 * Channels between loops: what arrives, in which order, and that nothing is
 * lost or done twice when several threads reach for one wait at once.
 */
#include "loops.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { MOST_SENDERS = 16 };

struct message {
    int sender;
    int number;
};

/* What a crowd of senders and receivers on one channel does and has seen. */
struct crowd {
    rota_chan *chan;
    int each; /* messages of each sender */
    atomic_int next_sender;
    atomic_int senders_left;
    atomic_long sum;
    atomic_int received;
};

static ROTA_ASYNC(send_numbered, (struct crowd *, all))
{
    struct message m = { .sender = atomic_fetch_add(&all->next_sender, 1) };
    for (m.number = 1; m.number <= all->each; m.number++) {
        int rc = rota_chan_send(all->chan, &m);
        if (rc < 0)
            return rc;
    }
    if (atomic_fetch_sub(&all->senders_left, 1) == 1)
        return rota_chan_close(all->chan);
    return 0;
}

static ROTA_ASYNC(recv_numbered, (struct crowd *, all))
{
    int last[MOST_SENDERS] = { 0 };
    struct message m;
    int rc;
    while ((rc = rota_chan_recv(all->chan, &m)) == 0) {
        CHECK(m.number > last[m.sender]); /* order of each sender */
        last[m.sender] = m.number;
        atomic_fetch_add(&all->sum, m.number);
        atomic_fetch_add(&all->received, 1);
    }
    CHECK_INT(rc, -EPIPE);
    return 0;
}

/* Each loop runs `senders` and `receivers` tasks of the crowd. */
struct part {
    struct crowd *crowd;
    int senders;
    int receivers;
};

static int play_part(void *arg)
{
    struct part *p = arg;
    rota_task *tasks[2 * MOST_SENDERS];
    int n = 0;
    for (int i = 0; i < p->senders; i++)
        tasks[n++] = rota_create_task(send_numbered, p->crowd);
    for (int i = 0; i < p->receivers; i++)
        tasks[n++] = rota_create_task(recv_numbered, p->crowd);
    while (n > 0)
        CHECK_INT(rota_await(tasks[--n]), 0);
    return 0;
}

static void run_crowd(struct part *parts, int loops, size_t capacity, int each)
{
    struct crowd all = { .each = each };
    all.chan = rota_chan_new(sizeof(struct message), capacity, ROTA_SHARED);
    CHECK(all.chan);
    int senders = 0;
    for (int i = 0; i < loops; i++) {
        parts[i].crowd = &all;
        senders += parts[i].senders;
    }
    all.senders_left = senders;
    run_loops(loops, play_part, parts, sizeof *parts);
    CHECK_INT(all.received, senders * each);
    CHECK_INT(all.sum, (long)senders * each * (each + 1) / 2);
    CHECK_INT(rota_chan_try_send(all.chan, &(struct message){ 0, 0 }), -EPIPE);
    rota_chan_unref(all.chan);
}

/* CHAN-08, PITFALL 53 */
TEST_LIMITED("four senders and four receivers, on one loop and on four", 120)
{
    static const size_t capacities[] = { 0, 1, 10, ROTA_UNBOUNDED };
    for (int i = 0; i < 4; i++) {
        struct part one[] = { { NULL, 4, 4 } };
        struct part four[] = {
            { NULL, 1, 1 }, { NULL, 1, 1 }, { NULL, 2, 0 }, { NULL, 0, 2 }
        };
        run_crowd(one, 1, capacities[i], 1000);
        run_crowd(four, 4, capacities[i], 1000);
    }
}

static int play_everywhere(void *arg)
{
    struct crowd *all = arg;
    rota_task_options o = { .loop = ROTA_LEAST_LOADED };
    rota_task *tasks[8];
    for (int i = 0; i < 8; i++) {
        struct crowd **copy = &all;
        tasks[i] = rota_spawn_copy(i < 4 ? send_numbered_rota_entry
                                         : recv_numbered_rota_entry,
                                   copy, sizeof *copy, &o, "player", NULL);
        CHECK(tasks[i]);
    }
    for (int i = 0; i < 8; i++)
        CHECK_INT(rota_await(tasks[i]), 0);
    return 0;
}

/* CHAN-08 */
TEST_LIMITED("senders and receivers wherever rota_run_multi puts them", 120)
{
    for (size_t capacity = 0; capacity < 3; capacity++) {
        struct crowd all = { .each = 1000, .senders_left = 4 };
        all.chan = rota_chan_new(sizeof(struct message), capacity, ROTA_SHARED);
        CHECK_INT(rota_run_multi(4, play_everywhere, &all, NULL), 0);
        CHECK_INT(all.received, 4000);
        CHECK_INT(all.sum, 4 * 1000L * 1001 / 2);
        rota_chan_unref(all.chan);
    }
}

static int select_far(void *arg)
{
    (void)arg;
    rota_task_options o = { .loop = rota_loop_at(1) };
    rota_task *t = rota_spawn(sleep_long_rota_entry, NULL, &o);
    rota_case cases[] = { rota_case_done(rota_task_future(t)) };
    rota_set_misuse_handler(count_misuse);
    CHECK_INT(rota_select(cases, 1, ROTA_FOREVER, 0), -EXDEV);
    CHECK_INT(misuses, 1);
    rota_task_cancel(t, NULL);
    CHECK_INT(rota_await(t), -ROTA_ECHILD);
    return 0;
}

TEST("a future of another loop in a select is misuse")
{
    CHECK_INT(rota_run_multi(2, select_far, NULL, NULL), 0);
}

/* PITFALL 53: a wake-up that is lost leaves somebody waiting for ever. */
TEST_LIMITED("many messages from many loops to one, none lost", 300)
{
    int each = test_sanitized() ? 20000 : 300000;
    struct part parts[] = {
        { NULL, 2, 0 }, { NULL, 2, 0 }, { NULL, 2, 0 }, { NULL, 0, 1 }
    };
    run_crowd(parts, 4, 64, each);
    struct part pairs[] = { { NULL, 1, 0 }, { NULL, 0, 1 } };
    run_crowd(pairs, 2, 0, each / 10);
    struct part again[] = { { NULL, 1, 0 }, { NULL, 0, 1 } };
    run_crowd(again, 2, 1, each / 10);
}

/* One round: receivers and senders of two loops wait, a third thread closes. */
static int close_race_side(void *arg)
{
    struct crowd *all = arg;
    struct message m = { 0, 1 };
    int rc;
    if (atomic_fetch_add(&all->next_sender, 1) == 0) {
        while ((rc = rota_chan_send(all->chan, &m)) == 0)
            atomic_fetch_add(&all->sum, 1);
    } else {
        while ((rc = rota_chan_recv(all->chan, &m)) == 0)
            atomic_fetch_add(&all->received, 1);
    }
    CHECK_INT(rc, -EPIPE);
    return 0;
}

/* PITFALL 51, PITFALL 53, RACE-10 */
TEST_LIMITED("a close races with both sides: what was sent was received", 120)
{
    int rounds = test_sanitized() ? 50 : 300;
    for (int i = 0; i < rounds; i++) {
        struct crowd all = { .each = 0 };
        all.chan =
            rota_chan_new(sizeof(struct message), (size_t)i % 3, ROTA_SHARED);
        struct one_loop a, b;
        begin_loop(&a, close_race_side, &all);
        begin_loop(&b, close_race_side, &all);
        while (i % 2 && all.received < 20)
            sched_yield();
        CHECK_INT(rota_chan_close(all.chan), 0);
        join_loop(&a);
        join_loop(&b);
        CHECK_INT(all.received, all.sum);
        rota_chan_unref(all.chan);
    }
}

/* Sends under deadlines that come at any moment; counts what was sent. */
static int send_or_not(void *arg)
{
    struct crowd *all = arg;
    struct message m = { 0, 0 };
    for (int i = 0; i < all->each; i++) {
        int rc = 0;
        ROTA_TIMEOUT (rota_us(i % 40), rc) {
            rc = rota_chan_send(all->chan, &m);
        }
        CHECK(rc == 0 || rc == -ETIMEDOUT);
        if (rc == 0)
            atomic_fetch_add(&all->sum, 1);
    }
    if (atomic_fetch_sub(&all->senders_left, 1) == 1)
        CHECK_INT(rota_chan_close(all->chan), 0);
    return 0;
}

static int recv_or_not(void *arg)
{
    struct crowd *all = arg;
    struct message m;
    for (int i = 0;; i++) {
        int rc = 0;
        ROTA_TIMEOUT (rota_us(i % 40), rc) {
            rc = rota_chan_recv(all->chan, &m);
        }
        if (rc == -EPIPE)
            return 0;
        CHECK(rc == 0 || rc == -ETIMEDOUT);
        if (rc == 0)
            atomic_fetch_add(&all->received, 1);
    }
}

/* RACE-01, RACE-02, CHAN-11, CHAN-13, PITFALL 51 */
TEST_LIMITED("deadlines race with hand-overs of other loops: each element "
             "arrives once, or its sender knows",
             120)
{
    for (size_t capacity = 0; capacity < 3; capacity++) {
        struct crowd all = { .each = test_sanitized() ? 1000 : 5000 };
        all.chan = rota_chan_new(sizeof(struct message), capacity, ROTA_SHARED);
        all.senders_left = 2;
        struct one_loop loops[4];
        for (int i = 0; i < 4; i++)
            begin_loop(&loops[i], i < 2 ? send_or_not : recv_or_not, &all);
        for (int i = 0; i < 4; i++)
            join_loop(&loops[i]);
        CHECK_INT(all.received, all.sum);
        rota_chan_unref(all.chan);
    }
}

static void *send_from_thread(void *chan)
{
    for (int i = 0; i < 1000; i++) {
        int rc;
        while ((rc = rota_chan_try_send(chan, &i)) == -EAGAIN)
            sched_yield();
        CHECK_INT(rc, 0);
    }
    CHECK_INT(rota_chan_len(chan) <= 4, 1);
    CHECK_INT(rota_chan_close(chan), 0);
    rota_chan_unref(chan);
    return NULL;
}

TASK_TEST("a plain thread sends by trying, and closes")
{
    rota_chan *c = rota_chan_new(sizeof(int), 4, ROTA_SHARED);
    pthread_t thread;
    rota_chan_ref(c);
    CHECK_INT(pthread_create(&thread, NULL, send_from_thread, c), 0);
    int value = -1, want = 0;
    while (rota_chan_recv(c, &value) == 0)
        CHECK_INT(value, want++);
    CHECK_INT(want, 1000);
    CHECK_INT(pthread_join(thread, NULL), 0);
    rota_chan_unref(c);
}

enum { CHANNELS = 4 };

struct stress {
    rota_chan *chans[CHANNELS];
    int each;
    atomic_int role;
    atomic_long sent[CHANNELS];
    atomic_long received[CHANNELS];
    atomic_int senders_left;
};

static int stress_send(struct stress *s, int channel)
{
    for (int i = 0; i < s->each; i++) {
        int rc = rota_chan_send(s->chans[channel], &i);
        if (rc < 0)
            return rc;
        atomic_fetch_add(&s->sent[channel], 1);
    }
    return 0;
}

static int stress_recv(struct stress *s, int channel)
{
    int value;
    while (rota_chan_recv(s->chans[channel], &value) == 0)
        atomic_fetch_add(&s->received[channel], 1);
    return 0;
}

/* Sends `each` to each channel, to whichever will take one. */
static int stress_select_send(struct stress *s)
{
    int left[CHANNELS];
    for (int i = 0; i < CHANNELS; i++)
        left[i] = s->each;
    for (int n = 0; n < CHANNELS * s->each; n++) {
        rota_case cases[CHANNELS];
        for (int i = 0; i < CHANNELS; i++)
            cases[i] = rota_case_send(left[i] ? s->chans[i] : NULL, &n);
        int i = rota_select(cases, CHANNELS, ROTA_FOREVER, 0);
        if (i < 0)
            return i;
        CHECK_INT(cases[i].rc, 0);
        left[i]--;
        atomic_fetch_add(&s->sent[i], 1);
    }
    return 0;
}

static int stress_select_recv(struct stress *s)
{
    rota_chan *open[CHANNELS];
    for (int i = 0; i < CHANNELS; i++)
        open[i] = s->chans[i];
    for (int closed = 0; closed < CHANNELS;) {
        rota_case cases[CHANNELS];
        int value;
        for (int i = 0; i < CHANNELS; i++)
            cases[i] = rota_case_recv(open[i], &value);
        int i = rota_select(cases, CHANNELS, ROTA_FOREVER, 0);
        if (i < 0)
            return i;
        if (cases[i].rc == 0) {
            atomic_fetch_add(&s->received[i], 1);
            continue;
        }
        CHECK_INT(cases[i].rc, -EPIPE);
        open[i] = NULL;
        closed++;
    }
    return 0;
}

static ROTA_ASYNC(stress_role, (struct stress *, s), (int, role))
{
    int rc;
    if (role < 2 * CHANNELS)
        rc = role < CHANNELS ? stress_send(s, role)
                             : stress_recv(s, role - CHANNELS);
    else
        rc = role == 2 * CHANNELS ? stress_select_send(s)
                                  : stress_select_recv(s);
    bool sends = role < CHANNELS || role == 2 * CHANNELS;
    if (sends && atomic_fetch_sub(&s->senders_left, 1) == 1)
        for (int i = 0; i < CHANNELS; i++)
            CHECK_INT(rota_chan_close(s->chans[i]), 0);
    return rc;
}

/* Takes roles as long as there are any, in turn with the other loops. */
static int stress_loop(void *arg)
{
    struct stress *s = arg;
    rota_task *tasks[2 * CHANNELS + 2];
    int n = 0, role;
    while ((role = atomic_fetch_add(&s->role, 1)) < 2 * CHANNELS + 2) {
        tasks[n++] = rota_create_task(stress_role, s, role);
        CHECK_INT(rota_sleep(rota_ms(1)), 0);
    }
    while (n > 0)
        CHECK_INT(rota_await(tasks[--n]), 0);
    return 0;
}

static void run_stress(int loops)
{
    static const size_t capacities[CHANNELS] = { 0, 0, 2, 3 };
    struct stress s = { .each = test_sanitized() ? 1000 : 10000 };
    s.senders_left = CHANNELS + 1;
    for (int i = 0; i < CHANNELS; i++)
        s.chans[i] = rota_chan_new(sizeof(int), capacities[i], ROTA_SHARED);
    struct one_loop all[4];
    for (int i = 0; i < loops; i++)
        begin_loop(&all[i], stress_loop, &s);
    for (int i = 0; i < loops; i++)
        join_loop(&all[i]);
    for (int i = 0; i < CHANNELS; i++) {
        CHECK_INT(s.sent[i], 2 * s.each);
        CHECK_INT(s.received[i], 2 * s.each);
        rota_chan_unref(s.chans[i]);
    }
}

/* SEL-12, PITFALL 53 */
TEST_LIMITED("senders, receivers and selects over four channels and loops", 300)
{
    run_stress(1);
    run_stress(4);
}

/* A channel that is ready throughout, one way or the other. */
struct ready {
    rota_chan *a;
    rota_chan *b;
    atomic_bool over;
    bool close;
};

/* Sends to `a` before it takes from `b`: one of them is always ready. */
static void *keep_ready(void *arg)
{
    struct ready *r = arg;
    int value = 1;
    while (!r->over) {
        CHECK_INT(rota_chan_try_send(r->a, &value), 0);
        CHECK(rota_chan_try_recv(r->b, &value) != -EPIPE);
        CHECK_INT(rota_chan_try_send(r->b, &value), 0);
        CHECK(rota_chan_try_recv(r->a, &value) != -EPIPE);
    }
    return NULL;
}

static int never_eagain(void *arg)
{
    struct ready *r = arg;
    int rounds = test_sanitized() ? 5000 : 50000;
    for (int i = 0; i < rounds; i++) {
        int value;
        rota_case cases[] = { rota_case_recv(r->a, &value),
                              rota_case_recv(r->b, &value) };
        int k = rota_select(cases, 2, 0, 0);
        CHECK(k >= 0);
        CHECK_INT(cases[k].rc, 0);
        CHECK_INT(rota_chan_try_send(k ? r->b : r->a, &value), 0);
    }
    r->over = true;
    return 0;
}

/* SEL-04, with sends */
TEST_LIMITED("a select without waiting misses nothing that is ready throughout",
             120)
{
    struct ready r = { rota_chan_new(sizeof(int), ROTA_UNBOUNDED, ROTA_SHARED),
                       rota_chan_new(sizeof(int), ROTA_UNBOUNDED, ROTA_SHARED),
                       false, false };
    CHECK_INT(rota_chan_try_send(r.b, &(int){ 1 }), 0);
    pthread_t thread;
    CHECK_INT(pthread_create(&thread, NULL, keep_ready, &r), 0);
    CHECK_INT(rota_run(never_eagain, &r, NULL), 0);
    CHECK_INT(pthread_join(thread, NULL), 0);
    rota_chan_unref(r.a);
    rota_chan_unref(r.b);
}

/* Closes `b`, then takes what `a` held: one of the two is always ready. */
static void *close_then_take(void *arg)
{
    struct ready *r = arg;
    int value;
    CHECK_INT(rota_chan_close(r->b), 0);
    rota_ignore(rota_chan_try_recv(r->a, &value));
    return NULL;
}

static int closed_or_full(void *arg)
{
    struct ready *r = arg;
    int value;
    rota_case cases[] = { rota_case_recv(r->a, &value),
                          rota_case_recv(r->b, &value) };
    int k = rota_select(cases, 2, 0, 0);
    CHECK(k >= 0);
    CHECK_INT(cases[k].rc, k ? -EPIPE : 0);
    return 0;
}

/* SEL-04 */
TEST_LIMITED("nor a channel that is being closed", 120)
{
    int rounds = test_sanitized() ? 100 : 1000;
    for (int i = 0; i < rounds; i++) {
        struct ready r = { rota_chan_new(sizeof(int), 1, ROTA_SHARED),
                           rota_chan_new(sizeof(int), 0, ROTA_SHARED), false,
                           true };
        CHECK_INT(rota_chan_try_send(r.a, &i), 0);
        pthread_t thread;
        CHECK_INT(pthread_create(&thread, NULL, close_then_take, &r), 0);
        CHECK_INT(rota_run(closed_or_full, &r, NULL), 0);
        CHECK_INT(pthread_join(thread, NULL), 0);
        rota_chan_unref(r.a);
        rota_chan_unref(r.b);
    }
}

/* A select between what this loop ends and what other loops end. */
struct mixed {
    rota_chan *shared;
    int rounds;
    long sum;
};

static ROTA_ASYNC(feed_local, (rota_chan *, local), (int, rounds))
{
    for (int i = 0; i < rounds; i++) {
        int rc = rota_chan_send(local, &i);
        if (rc < 0)
            return rc;
        if (i % 7 == 0 && (rc = rota_sleep(0)) < 0)
            return rc;
    }
    return rota_chan_close(local);
}

static int select_mixed(void *arg)
{
    struct mixed *m = arg;
    rota_chan *local = rota_chan_new(sizeof(int), 0, 0);
    rota_task *t = rota_create_task(feed_local, local, m->rounds);
    rota_chan *a = local, *b = m->shared;
    int local_got = 0, shared_got = 0, timeouts = 0;
    while (a || b) {
        int value;
        rota_case cases[] = { rota_case_recv(a, &value),
                              rota_case_recv(b, &value) };
        int i = rota_select(cases, 2, rota_us(50), 0);
        if (i == -ETIMEDOUT) {
            timeouts++;
            continue;
        }
        CHECK(i >= 0);
        if (cases[i].rc < 0)
            *(i ? &b : &a) = NULL;
        else
            ++*(i ? &shared_got : &local_got);
    }
    CHECK_INT(local_got, m->rounds);
    CHECK_INT(shared_got, m->rounds);
    CHECK_INT(rota_await(t), 0);
    rota_chan_unref(local);
    return 0;
}

static int feed_shared(void *arg)
{
    struct mixed *m = arg;
    for (int i = 0; i < m->rounds; i++) {
        CHECK_INT(rota_chan_send(m->shared, &i), 0);
        if (i % 64 == 0)
            CHECK_INT(rota_sleep(rota_us(20)), 0);
    }
    return rota_chan_close(m->shared);
}

/* PITFALL 52, PITFALL 53 */
TEST_LIMITED("a select's own loop, its timeout and another loop race for it",
             120)
{
    struct mixed m = {
        .shared = rota_chan_new(sizeof(int), 0, ROTA_SHARED),
        .rounds = test_sanitized() ? 3000 : 30000,
    };
    struct one_loop a, b;
    begin_loop(&a, select_mixed, &m);
    begin_loop(&b, feed_shared, &m);
    join_loop(&a);
    join_loop(&b);
    rota_chan_unref(m.shared);
}

/* SEL-05, SEL-06 across loops */
static int swap_ids(void *arg)
{
    struct crowd *all = arg;
    int me = atomic_fetch_add(&all->next_sender, 1);
    for (int i = 0; i < all->each; i++) {
        int value = -1;
        rota_case cases[] = { rota_case_send(all->chan, &me),
                              rota_case_recv(all->chan, &value) };
        int k = rota_select(cases, 2, ROTA_FOREVER, 0);
        CHECK(k >= 0);
        CHECK_INT(cases[k].rc, 0);
        CHECK(value != me);
        atomic_fetch_add(k ? &all->received : &all->senders_left, 1);
    }
    return 0;
}

/* SEL-06 */
TEST_LIMITED("selects on two loops that each send and receive meet", 120)
{
    struct crowd all = { .each = test_sanitized() ? 1000 : 10000 };
    all.chan = rota_chan_new(sizeof(int), 0, ROTA_SHARED);
    struct one_loop a, b;
    begin_loop(&a, swap_ids, &all);
    begin_loop(&b, swap_ids, &all);
    join_loop(&a);
    join_loop(&b);
    CHECK_INT(all.received, all.each);
    CHECK_INT(all.senders_left, all.each);
    rota_chan_unref(all.chan);
}
