/*
 * What the seed decides: the order of what is ready, and numbers by chance.
 */
#include "../task/tasks.h"
#include "sim.h"

enum { CROWD = 5, ORDERS = 120 };

static int said[CROWD];
static int count;

static ROTA_ASYNC(step, (int, id))
{
    said[count++] = id;
    return 0;
}

static int main_crowd(void *arg)
{
    rota_task *t[CROWD];
    count = 0;
    for (int i = 0; i < CROWD; i++)
        t[i] = rota_create_task(step, i);
    CHECK_INT(rota_gather(t, CROWD, NULL, 0), 0);
    *(uint64_t *)arg = rota_sim_trace();
    return 0;
}

/* The number of the order in `said`, among all there are. */
static int order(void)
{
    int n = 0;
    for (int i = 0; i < CROWD; i++) {
        int smaller = 0;
        for (int j = i + 1; j < CROWD; j++)
            smaller += said[j] < said[i];
        n = n * (CROWD - i) + smaller;
    }
    return n;
}

TEST("seed 0 is the order in which they became ready")
{
    uint64_t sum;
    CHECK_INT(rota_sim_run(0, main_crowd, &sum, NULL), 0);
    CHECK_INT(order(), 0);
}

TEST("the seeds make every order, each as often as the others")
{
    enum { EACH = 100 };
    static int seen[ORDERS];
    uint64_t sum;
    for (uint64_t seed = 1; seed <= ORDERS * EACH; seed++) {
        CHECK_INT(rota_sim_run(seed, main_crowd, &sum, NULL), 0);
        seen[order()]++;
    }
    /* Chi-square with 119 degrees of freedom: above 180 once in 4000; the
     * seeds are given, so it is so always or never. */
    double chi = 0;
    for (int i = 0; i < ORDERS; i++)
        chi += (seen[i] - EACH) * (double)(seen[i] - EACH) / EACH;
    CHECK(chi < 180);
}

/* PITFALL 65 */
TEST("one seed, one schedule; two seeds, two traces")
{
    uint64_t first[50];
    for (uint64_t seed = 0; seed < 50; seed++) {
        CHECK_INT(rota_sim_run(seed, main_crowd, &first[seed], NULL), 0);
        uint64_t again;
        int went = order();
        CHECK_INT(rota_sim_run(seed, main_crowd, &again, NULL), 0);
        CHECK_INT(order(), went);
        CHECK(again == first[seed]);
    }
    int equal = 0;
    for (int i = 1; i < 50; i++)
        for (int j = 1; j < i; j++)
            equal += first[i] == first[j];
    /* 49 draws among 120 orders: some pairs meet by right. */
    CHECK(equal < 30);
}

static ROTA_ASYNC(two_steps, (int *, all), (int, parties), (int, rounds))
{
    for (int i = 0; i < rounds; i++) {
        ++*all;
        CHECK_INT(rota_sleep(0), 0);
        /* A step is between two turns: all parties have made this one. */
        CHECK(*all >= (i + 1) * parties);
        CHECK(*all <= (i + 2) * parties);
    }
    return 0;
}

SIM_TEST("within a turn the order is the seed's, but a turn is a turn: nobody "
         "runs twice while another waits")
{
    int all = 0;
    rota_task *t[7];
    for (int i = 0; i < 7; i++)
        t[i] = rota_create_task(two_steps, &all, 7, 20);
    CHECK_INT(rota_gather(t, 7, NULL, 0), 0);
    CHECK_INT(all, 7 * 20);
}

/* More than a turn runs at once. */
SIM_TEST_WITH("a crowd larger than a slice of the loop goes round in turns", 50,
              .run = { 0 })
{
    int all = 0;
    rota_task *t[300];
    for (int i = 0; i < 300; i++)
        t[i] = rota_create_task(two_steps, &all, 300, 5);
    CHECK_INT(rota_gather(t, 300, NULL, 0), 0);
}

static int next_callback;

static void callback(void *number)
{
    CHECK_INT((intptr_t)number, next_callback++);
}

SIM_TEST("callbacks run in the order of their registration, whatever the seed")
{
    next_callback = 0;
    rota_task *t[4];
    for (intptr_t i = 0; i < 8; i++) {
        if (i % 2)
            t[i / 2] = rota_create_task(nothing);
        CHECK_INT(rota_call_soon(callback, (void *)i), 0);
    }
    CHECK_INT(rota_gather(t, 4, NULL, 0), 0);
    CHECK_INT(rota_sleep(0), 0);
    CHECK_INT(next_callback, 8);
}

static int main_draws(void *arg)
{
    uint64_t *numbers = arg;
    for (int i = 0; i < 100; i++) {
        numbers[i] = rota_sim_random(10);
        CHECK(numbers[i] < 10);
    }
    CHECK_INT(rota_sim_random(1), 0);
    return 0;
}

TEST("numbers by chance are the seed's too")
{
    uint64_t a[100], b[100], c[100];
    CHECK_INT(rota_sim_run(5, main_draws, a, NULL), 0);
    CHECK_INT(rota_sim_run(5, main_draws, b, NULL), 0);
    CHECK_INT(rota_sim_run(6, main_draws, c, NULL), 0);
    CHECK(memcmp(a, b, sizeof a) == 0);
    CHECK(memcmp(a, c, sizeof a) != 0);
    CHECK_INT(rota_run(main_draws, c, NULL), 0);
    CHECK(memcmp(a, c, sizeof a) != 0);
}

TEST("numbers by chance without a loop are a misuse")
{
    rota_set_misuse_handler(count_misuse);
    CHECK_INT(rota_sim_random(3), 0);
    CHECK_INT(misuses, 1);
    CHECK_HAS(misuse_text, "rota_sim_random");
}
