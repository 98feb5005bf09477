/*
 * Time: sleeping never too short, in order, for ever, and by the million.
 */
#include <stdlib.h>
#include <sys/resource.h>

#include "loop/timer.h"
#include "sim.h"
#include "tasks.h"

/* TIMR-01 */
TASK_TEST("a sleep of nothing or less lets the others run once")
{
    rota_dur lengths[] = { 0, -1, INT64_MIN };
    for (int i = 0; i < 3; i++) {
        rota_task *t = rota_create_task(nothing);
        CHECK_INT(rota_sleep(lengths[i]), 0);
        CHECK(rota_task_done(t));
        CHECK_INT(rota_await(t), 0);
    }
    rota_task *t = rota_create_task(nothing);
    CHECK_INT(rota_sleep_until(rota_now() - 1), 0);
    CHECK(rota_task_done(t));
    CHECK_INT(rota_await(t), 0);
}

static ROTA_ASYNC(say_at, (rota_time, when), (const char *, word))
{
    CHECK_INT(rota_sleep_until(when), 0);
    say(word);
    return 0;
}

/* TIMR-03 */
CLOCK_TEST("twelve sleeps to one moment end in the order they began")
{
    static const char *const words[] = { "a", "b", "c", "d", "e", "f",
                                         "g", "h", "i", "j", "k", "l" };
    rota_task *t[12];
    rota_time when = rota_now() + rota_ms(5);
    for (int i = 0; i < 12; i++)
        t[i] = rota_create_task(say_at, when, words[i]);
    CHECK_INT(rota_gather(t, 12, NULL, 0), 0);
    CHECK_STR(trace, "abcdefghijkl");
}

CLOCK_TEST("sleeps end in the order of their moments")
{
    rota_time now = rota_now();
    rota_task *t[3] = { rota_create_task(say_at, now + rota_ms(150), "c"),
                        rota_create_task(say_at, now + rota_ms(50), "a"),
                        rota_create_task(say_at, now + rota_ms(100), "b") };
    CHECK_INT(rota_gather(t, 3, NULL, 0), 0);
    CHECK_STR(trace, "abc");
}

/* TIMR-05 */
TASK_TEST("a sleep for ever parks, and adding to a time never "
          "overflows")
{
    rota_dur lengths[] = { INT64_MAX, INT64_MAX - 1, rota_ms(INT64_MAX),
                           rota_us(INT64_MAX), rota_seconds(1e30) };
    rota_task *t[5];
    for (int i = 0; i < 5; i++)
        t[i] = rota_create_task(give_after, lengths[i], 0);
    CHECK_INT(rota_sleep(rota_ms(2)), 0);
    for (int i = 0; i < 5; i++) {
        CHECK(!rota_task_done(t[i]));
        rota_task_cancel(t[i], NULL);
        CHECK_INT(rota_await(t[i]), -ROTA_ECHILD);
    }
    CHECK(rota_time_add(ROTA_FOREVER - 1, 5) == ROTA_FOREVER);
    CHECK(rota_time_add(INT64_MIN, -1) == INT64_MIN);
    CHECK(rota_time_add(5, ROTA_FOREVER) == ROTA_FOREVER);
    CHECK(rota_time_add(5, -7) == -2);
    CHECK(rota_us(INT64_MIN) == INT64_MIN && rota_ms(INT64_MIN) == INT64_MIN);
    CHECK(rota_seconds(-1e30) == INT64_MIN);
    CHECK(rota_ms(-3) == -3000000);
}

/* TIMR-06 */
TASK_TEST("no sleep is too short")
{
    for (int i = 0; i < 300; i++) {
        rota_time end = rota_now() + rota_us(i * 3);
        CHECK_INT(rota_sleep(rota_us(i * 3)), 0);
        CHECK(rota_now() >= end);
    }
}

static long peak_kib(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return u.ru_maxrss;
}

/* TIMR-02 */
TASK_TEST("a million timers set and taken back leave nothing behind")
{
    long before = 0;
    for (int i = 0; i < 1000000; i++) {
        rota_scope s;
        CHECK_INT(rota_timeout_begin(&s, rota_seconds(3600)), 0);
        CHECK_INT(rota_scope_end(&s, 0), 0);
        if (i == 1000)
            before = peak_kib();
    }
    CHECK(peak_kib() - before < 1024 || test_sanitized());
}

/* The timers themselves, against a plain array. */
struct entry {
    struct timer timer;
    rota_time when;
    uint64_t order;
    bool armed;
};

static rota_time last_when;
static uint64_t last_order;
static size_t fired;

static void check_order(struct timer *t)
{
    struct entry *e = (struct entry *)t;
    CHECK(e->armed);
    CHECK(e->when > last_when ||
          (e->when == last_when && e->order > last_order));
    last_when = e->when;
    last_order = e->order;
    e->armed = false;
    fired++;
}

/* A crowd of timers, every third taken back. */
static void check_crowd(rota_time (*moment)(size_t i))
{
    enum { COUNT = 100000 };
    struct entry *e = calloc(COUNT, sizeof *e);
    struct timers timers = { 0 };
    size_t armed = COUNT;
    for (size_t i = 0; i < COUNT; i++) {
        e[i] =
            (struct entry){ { .fire = check_order }, moment(i), i + 1, true };
        CHECK_INT(timer_arm(&timers, &e[i].timer, e[i].when), 0);
        CHECK(timer_when(&timers, &e[i].timer) == e[i].when);
    }
    for (size_t i = 0; i < COUNT; i += 3) {
        CHECK(timer_cancel(&timers, &e[i].timer));
        CHECK(!timer_cancel(&timers, &e[i].timer));
        e[i].armed = false;
        armed--;
    }
    CHECK_INT(timers.count, armed);
    for (size_t i = 0; i < COUNT; i++)
        CHECK(timer_when(&timers, &e[i].timer) ==
              (e[i].armed ? e[i].when : ROTA_FOREVER));
    for (rota_time now = 0; now <= 5000; now += 7) {
        timers_expire(&timers, now);
        CHECK(timers_next(&timers) > now);
    }
    timers_expire(&timers, 5001);
    CHECK_INT(fired, armed);
    CHECK_INT(timers.count, 0);
    CHECK(timers_next(&timers) == ROTA_FOREVER);
    CHECK(timers.size + timers.queue.size < COUNT / 4); /* memory was given
                                                           back */
    timers_fini(&timers);
    free(e);
}

static rota_time any_moment(size_t i)
{
    static unsigned random = 7;
    random = random * 1103515245 + 12345;
    (void)i;
    return 1 + (random >> 8) % 5000;
}

TEST(
    "PITFALLS 37 a crowd of timers, many taken back, fire in order; equal ones "
    "in order of arming")
{
    check_crowd(any_moment);
}

static rota_time later_and_later(size_t i)
{
    return 1 + (rota_time)i / 20;
}

/* PITFALL 37 */
TEST("a crowd that is armed in the order of its moments fires in that order")
{
    check_crowd(later_and_later);
}

static rota_time sooner_and_sooner(size_t i)
{
    return 5000 - (rota_time)i / 20;
}

/* PITFALL 37 */
TEST("a crowd that is armed in the reverse order fires in the right one")
{
    check_crowd(sooner_and_sooner);
}

static rota_time near_and_far(size_t i)
{
    return 1 + (rota_time)i / 50 + (i % 4 == 0 ? 3000 : 0);
}

/* PITFALL 37 */
TEST("timers of two durations fire in order")
{
    check_crowd(near_and_far);
}

static void count_fired(struct timer *t)
{
    (void)t;
    fired++;
}

/* PITFALL 37 */
TEST("a timer far off keeps nobody from the queue, and not what is taken back")
{
    enum { COUNT = 1000 * 1000, CROWD = 100 };
    struct timers timers = { 0 };
    struct timer crowd[CROWD] = { 0 }, far = { .fire = count_fired },
                 first = { .fire = count_fired };
    CHECK_INT(timer_arm(&timers, &far, COUNT * 2), 0);
    CHECK_INT(timer_arm(&timers, &first, 1), 0);
    for (int i = 0; i < COUNT; i++) {
        struct timer *t = &crowd[i % CROWD];
        t->fire = count_fired;
        timer_cancel(&timers, t);
        CHECK_INT(timer_arm(&timers, t, 2 + i), 0);
    }
    CHECK_INT(timers.count, CROWD + 2);
    CHECK_INT(timers.heaped, 1);
    CHECK(timers.queue.size <= 4 * CROWD);
    timers_expire(&timers, COUNT + 2);
    CHECK_INT(fired, CROWD + 1);
    CHECK_INT(timers_next(&timers), COUNT * 2);
    timers_expire(&timers, COUNT * 2);
    CHECK_INT(fired, CROWD + 2);
    timers_fini(&timers);
}

struct chained {
    struct timer timer;
    struct timers *heap;
    struct timer *other;
    int count;
};

static void cancel_other(struct timer *t)
{
    struct chained *c = (struct chained *)t;
    c->count++;
    CHECK(timer_cancel(c->heap, c->other));
    CHECK(!timer_cancel(c->heap, t)); /* it runs: too late */
}

/* TIMR-04 */
TEST("a timer takes back a later one of the same moment")
{
    struct timers heap = { 0 };
    struct entry later = { { .fire = check_order }, 5, 1, true };
    struct chained first = { { .fire = cancel_other }, &heap, &later.timer, 0 };
    CHECK_INT(timer_arm(&heap, &first.timer, 5), 0);
    CHECK_INT(timer_arm(&heap, &later.timer, 5), 0);
    timers_expire(&heap, 5);
    CHECK_INT(first.count, 1);
    CHECK_INT(fired, 0);
    CHECK(timers_next(&heap) == ROTA_FOREVER);
    timers_fini(&heap);
}

static void rearm(struct timer *t)
{
    struct chained *c = (struct chained *)t;
    c->count++;
    CHECK_INT(timer_arm(c->heap, t, 0), 0);
}

/* PITFALL 37 */
TEST("a timer that arms itself again at once runs once a turn")
{
    struct timers heap = { 0 };
    struct chained again = { { .fire = rearm }, &heap, NULL, 0 };
    CHECK_INT(timer_arm(&heap, &again.timer, 0), 0);
    timers_expire(&heap, 10);
    CHECK_INT(again.count, 1);
    timers_expire(&heap, 10);
    CHECK_INT(again.count, 2);
    CHECK(timer_cancel(&heap, &again.timer));
    timers_fini(&heap);
}

TEST("a timer for ever is never armed")
{
    struct timers heap = { 0 };
    struct entry e = { { .fire = check_order }, ROTA_FOREVER, 1, true };
    CHECK_INT(timer_arm(&heap, &e.timer, ROTA_FOREVER), 0);
    CHECK(timers_next(&heap) == ROTA_FOREVER);
    CHECK(timer_when(&heap, &e.timer) == ROTA_FOREVER);
    timers_expire(&heap, ROTA_FOREVER);
    CHECK_INT(fired, 0);
    timers_fini(&heap);
}
