/*
 * What the tests of tasks share: a test whose body is a task, a trace of
 * words, and a few coroutines to play with.
 */
#ifndef TASKS_H
#define TASKS_H

#include "rota.h"
#include "test.h"

/* TEST whose body runs as the main task of a loop of its own. */
#define TASK_TEST_LIMITED(name_, seconds_)                              \
    static void TEST_JOIN(body_, __LINE__)(void);                       \
    static int TEST_JOIN(main_, __LINE__)(void *arg)                    \
    {                                                                   \
        (void)arg;                                                      \
        TEST_JOIN(body_, __LINE__)();                                   \
        return 0;                                                       \
    }                                                                   \
    TEST_LIMITED(name_, seconds_)                                       \
    {                                                                   \
        CHECK_INT(rota_run(TEST_JOIN(main_, __LINE__), NULL, NULL), 0); \
    }                                                                   \
    static void TEST_JOIN(body_, __LINE__)(void)
#define TASK_TEST(name_) TASK_TEST_LIMITED(name_, 0)

#define UNUSED           __attribute__((unused))

/* Words in the order they were said. */
static char trace[256] UNUSED;

UNUSED static void say(const char *word)
{
    strncat(trace, word, sizeof trace - strlen(trace) - 1);
}

/* Longer than any test. */
#define LONG rota_seconds(1000)

UNUSED static ROTA_ASYNC(nothing)
{
    return 0;
}

UNUSED static ROTA_ASYNC(give, (int, rc))
{
    return rc;
}

/* Waits, then gives `rc`; the result of the wait when that was cut. */
UNUSED static ROTA_ASYNC(give_after, (rota_dur, d), (int, rc))
{
    int mine = rota_sleep(d);
    return mine < 0 ? mine : rc;
}

UNUSED static ROTA_ASYNC(sleep_long)
{
    return rota_sleep(LONG);
}

/* Sleeps; when that is cut, cleans up for `d` behind a shield. */
UNUSED static ROTA_ASYNC(clean_up_for, (rota_dur, d), (int, rc))
{
    if (rota_sleep(LONG) == 0)
        return 0;
    ROTA_SHIELD(ROTA_FOREVER)
    {
        CHECK_INT(rota_sleep(d), 0);
    }
    return rc;
}

/* What a misuse handler saw. */
static int misuses UNUSED;
static char misuse_text[256] UNUSED;

UNUSED static void count_misuse(const char *message)
{
    misuses++;
    snprintf(misuse_text, sizeof misuse_text, "%s", message);
}

/* What the handler of unhandled errors saw. */
static int reports UNUSED;
static int reported_rc UNUSED;
static char reported_name[64] UNUSED;

UNUSED static void count_report(const rota_unhandled *what)
{
    reports++;
    reported_rc = what->rc;
    snprintf(reported_name, sizeof reported_name, "%s", what->name);
}

#endif
