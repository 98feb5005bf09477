/*
 * The rounds of a SIM_TEST.
 */
#include "sim.h"

#include <stdlib.h>

enum { SANITIZED_SHARE = 10, REPEAT_EACH = 16 };

struct round {
    void (*body)(void);
    uint64_t trace;
};

static int run_body(void *arg)
{
    struct round *r = arg;
    r->body();
    r->trace = rota_sim_trace();
    return 0;
}

/* Returns the sum of how it went. */
static uint64_t run_seed(void (*body)(void), uint64_t seed,
                         const rota_sim_options *options)
{
    struct round r = { body, 0 };
    test_note("seed %llu: ROTA_SEED=%llu runs just this one",
              (unsigned long long)seed, (unsigned long long)seed);
    CHECK_INT(rota_sim_run(seed, run_body, &r, options), 0);
    return r.trace;
}

void sim_seeds(void (*body)(void), unsigned seeds,
               const rota_sim_options *options)
{
    const char *only = getenv("ROTA_SEED");
    uint64_t from = only ? strtoull(only, NULL, 0) : 0;
    if (test_sanitized())
        seeds = (seeds + SANITIZED_SHARE - 1) / SANITIZED_SHARE;
    uint64_t end = only ? from + 1 : seeds;
    for (uint64_t seed = from; seed < end; seed++) {
        uint64_t trace = run_seed(body, seed, options);
        if (seeds > 1 && seed % REPEAT_EACH == 0 &&
            run_seed(body, seed, options) != trace)
            test_fail(TEST_AT, "two runs went different ways");
    }
}
