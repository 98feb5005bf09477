/*
 * Tests that run once for each of many seeds, simulated: each run has another
 * order of its tasks, and whoever draws numbers draws others.
 *
 *   SIM_TEST("a lock that is handed over while its waiter is cancelled")
 *   {
 *       rota_task *t = rota_create_task(...);   // the body is the main task
 *       ...
 *   }
 *
 * A failing seed is printed; ROTA_SEED=17 in the environment runs just that
 * one. The body starts anew for each seed, static variables do not. Of many
 * seeds every 16th runs twice, and both runs must have been scheduled the same way.
 */
#ifndef SIM_TEST_H
#define SIM_TEST_H

#include <stdint.h>

#include "rota/sim.h"
#include "test.h"

/* Runs `body` as a main task for each seed below `seeds` (a tenth of them
 * under a sanitizer). Options may be NULL. */
void sim_seeds(void (*body)(void), unsigned seeds,
               const rota_sim_options *options);

#define SIM_TEST_WITH(name_, seeds_, ...)                 \
    static void TEST_JOIN(sim_body_, __LINE__)(void);     \
    TEST_LIMITED(name_, 120)                              \
    {                                                     \
        sim_seeds(TEST_JOIN(sim_body_, __LINE__), seeds_, \
                  &(rota_sim_options){ __VA_ARGS__ });    \
    }                                                     \
    static void TEST_JOIN(sim_body_, __LINE__)(void)

/* A thousand seeds. */
#define SIM_TEST(name_) SIM_TEST_WITH(name_, 1000, .run = { 0 })

/* One run on a virtual clock, in FIFO order: for what is about time. */
#define CLOCK_TEST(name_) SIM_TEST_WITH(name_, 1, .run = { 0 })

#endif
