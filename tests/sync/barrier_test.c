/*
 * Barriers: generations, places, and parties that do not come after all.
 */
#include "steps.h"

static rota_barrier b;
static int got[8];
static rota_task *party[8];

static ROTA_ASYNC(meet, (int *, place))
{
    *place = rota_barrier_wait(&b);
    return rota_sleep(0);
}

/* The tasks `from` to `to` - 1 come. */
static void come(int from, int to)
{
    for (int i = from; i < to; i++) {
        got[i] = PARKED;
        party[i] = rota_create_task(meet, &got[i]);
    }
    pass();
}

static void init(unsigned parties)
{
    CHECK_INT(rota_barrier_init(&b, parties), 0);
}

/* BAR-01 */
TASK_TEST("each party gets its place, and the last goes on at once")
{
    init(3);
    come(0, 2);
    CHECK_INT(rota_barrier_waiting(&b), 2);
    CHECK_INT(rota_barrier_wait(&b), 2);
    CHECK_INT(got[0], PARKED); /* nobody else has run */
    CHECK_INT(rota_barrier_waiting(&b), 0);
    pass();
    CHECK_INT(got[0], 0);
    CHECK_INT(got[1], 1);
    CHECK_INT(rota_barrier_fini(&b), 0);
}

/* BAR-02 */
TASK_TEST("a barrier for one never waits; none is for nobody")
{
    CHECK_INT(rota_barrier_init(&b, 0), -EINVAL);
    CHECK_INT(rota_barrier_init(&b, 1u << 31), -EINVAL);
    init(1);
    CHECK_INT(rota_barrier_wait(&b), 0);
    CHECK_INT(rota_barrier_wait(&b), 0);
}

/* BAR-03, BAR-04, PITFALL 50 */
TASK_TEST("a party that is cancelled does not count, and no place is given "
          "twice")
{
    init(3);
    come(0, 2);
    rota_task_cancel(party[0], NULL);
    CHECK_INT(rota_barrier_waiting(&b), 1);
    come(2, 3);
    CHECK_INT(got[0], -ECANCELED);
    CHECK_INT(got[1], PARKED);
    come(3, 4);
    pass();
    CHECK_INT(got[1], 0);
    CHECK_INT(got[2], 1);
    CHECK_INT(got[3], 2);
}

TASK_TEST("a party that is cancelled after all have come has come")
{
    init(2);
    come(0, 1);
    CHECK_INT(rota_barrier_wait(&b), 1);
    rota_task_cancel(party[0], NULL);
    CHECK_INT(rota_barrier_waiting(&b), 0);
    CHECK_INT(rota_await(party[0]), -ROTA_ECHILD);
    CHECK_INT(got[0], 0);
}

static ROTA_ASYNC(meet_and_bring, (int *, place))
{
    *place = rota_barrier_wait(&b);
    return 0;
}

/* BAR-05 */
TASK_TEST("who comes before the last generation has run is in the next")
{
    init(2);
    come(0, 1);
    /* In one batch: 1 trips with 0, then 2 and 3 come, then 0 runs. */
    int next[2] = { PARKED, PARKED };
    rota_task *t[3] = { rota_create_task(meet_and_bring, &got[1]),
                        rota_create_task(meet_and_bring, &next[0]),
                        rota_create_task(meet_and_bring, &next[1]) };
    CHECK_INT(rota_gather(t, 3, NULL, 0), 0);
    CHECK_INT(rota_await(party[0]), 0);
    CHECK_INT(got[0], 0);
    CHECK_INT(got[1], 1);
    CHECK_INT(next[0], 0);
    CHECK_INT(next[1], 1);
    CHECK_INT(rota_barrier_waiting(&b), 0);
}

/* BAR-07 */
TASK_TEST("a reset sends those who wait away, and a new round works")
{
    init(3);
    come(0, 2);
    CHECK_INT(rota_barrier_reset(&b), 0);
    CHECK_INT(rota_barrier_waiting(&b), 0);
    come(2, 5);
    pass();
    CHECK_INT(got[0], -ROTA_EBROKEN);
    CHECK_INT(got[1], -ROTA_EBROKEN);
    CHECK_INT(got[2], 0);
    CHECK_INT(got[3], 1);
    CHECK_INT(got[4], 2);
}

/* BAR-08 */
TASK_TEST("an aborted barrier sends all away until it is reset")
{
    init(3);
    come(0, 1);
    CHECK_INT(rota_barrier_abort(&b), 0);
    come(1, 2);
    CHECK_INT(got[0], -ROTA_EBROKEN);
    CHECK_INT(got[1], -ROTA_EBROKEN);
    CHECK_INT(rota_barrier_waiting(&b), 0);
    CHECK_INT(rota_barrier_reset(&b), 0);
    come(2, 5);
    pass();
    CHECK_INT(got[2] + got[3] + got[4], 0 + 1 + 2);
}

/* BAR-09 */
TASK_TEST("a cancelled task is not counted")
{
    init(2);
    rota_scope s;
    CHECK_INT(rota_scope_begin(&s, 0), 0);
    rota_scope_cancel(&s, NULL);
    CHECK_INT(rota_barrier_wait(&b), -ECANCELED);
    CHECK_INT(rota_barrier_waiting(&b), 0);
    CHECK_INT(rota_scope_end(&s, -ECANCELED), 0);
    come(0, 1);
    CHECK_INT(rota_barrier_wait(&b), 1);
}

TASK_TEST("a barrier where tasks wait is not destroyed")
{
    init(2);
    come(0, 1);
    tolerate();
    CHECK_INT(rota_barrier_fini(&b), -EBUSY);
    CHECK_INT(misuses, 1);
    CHECK_INT(rota_barrier_reset(&b), 0);
    CHECK_INT(rota_barrier_fini(&b), 0);
}

enum { PARTIES = 5, ROUNDS = 100 };
static unsigned places[ROUNDS];

/* Meets in every round; sometimes it is cut short and comes again. */
static ROTA_ASYNC(meet_often, (int, seed))
{
    unsigned random = (unsigned)seed;
    for (int round = 0; round < ROUNDS;) {
        random = random * 1103515245 + 12345;
        int rc = 0;
        ROTA_TIMEOUT (rota_us(1 + (random >> 16 & 255)), rc) {
            rc = rota_barrier_wait(&b);
        }
        if (rc == -ETIMEDOUT)
            continue;
        CHECK(rc >= 0 && rc < PARTIES);
        CHECK(!(places[round] & 1u << rc));
        places[round++] |= 1u << rc;
    }
    return 0;
}

/* PITFALL 50 */
TASK_TEST("parties that give up and come again: every round is complete")
{
    rota_task *t[PARTIES];
    init(PARTIES);
    for (int i = 0; i < PARTIES; i++)
        t[i] = rota_create_task(meet_often, i);
    CHECK_INT(rota_gather(t, PARTIES, NULL, 0), 0);
    for (int i = 0; i < ROUNDS; i++)
        CHECK_INT(places[i], (1u << PARTIES) - 1);
}
