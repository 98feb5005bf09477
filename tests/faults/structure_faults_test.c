/*
 * Waiting for some, starting, handing values down, cancelling from outside,
 * timers: with every call failing once.
 */
#include <errno.h>
#include <stdlib.h>

#include "faults.h"
#include "rota.h"
#include "test.h"

static ROTA_ASYNC(give, (int, n))
{
    int rc = rota_sleep(rota_us(10));
    return rc < 0 ? rc : n;
}

/* Goes through both as they are done; the sum of their places. */
static int go_through(rota_future **f)
{
    rota_as_completed it;
    size_t i, sum = 0;
    int rc = rota_as_completed_init(&it, f, 2);
    if (rc < 0)
        return rc;
    while ((rc = rota_as_completed_next(&it, &i)) == 1)
        sum += i;
    rota_as_completed_fini(&it);
    return rc < 0 ? rc : (int)sum;
}

static int wait_and_race(void *arg)
{
    (void)arg;
    rota_task *t[2] = { rota_create_task(give, 3), rota_create_task(give, 3) };
    rota_future *f[2] = { rota_task_future(t[0]), rota_task_future(t[1]) };
    int rc = rota_wait(f, 2, ROTA_FIRST_COMPLETED, rota_seconds(10));
    if (rc >= 0)
        rc = go_through(f);
    int raced = rota_race(t, 2, NULL, NULL);
    for (int i = 0; i < 2; i++)
        rota_task_unref(t[i]); /* what a race without memory has left */
    return rc < 0 ? rc : raced;
}

static int run_wait_and_race(void)
{
    return rota_run(wait_and_race, NULL, NULL);
}

/* PITFALL 63 */
FAULT_TEST("waiting for some, and a race", run_wait_and_race, 3)

static int come_up(void *arg)
{
    int rc = rota_sleep(rota_us(10));
    return rc < 0 ? rc : rota_task_started(arg);
}

static int start_one(void *arg)
{
    (void)arg;
    int value = 5;
    void *got = NULL;
    rota_group g;
    int rc = rota_group_begin(&g, 0);
    if (rc < 0)
        return rc;
    rc = rota_group_start(&g, come_up, &value, &got);
    rc = rota_group_end(&g, rc);
    return rc < 0 ? rc : *(int *)got;
}

static int run_start_one(void)
{
    return rota_run(start_one, NULL, NULL);
}

/* PITFALL 63 */
FAULT_TEST("a member that is awaited until it is up", run_start_one, 5)

static const rota_ctxvar word = { "word", NULL }, other = { "other", NULL };

static void note_word(void *arg)
{
    *(char **)arg = rota_ctxvar_get(&word);
}

static int set_words(char *value, rota_ctxtoken *token)
{
    int rc = rota_ctxvar_set(&other, value, NULL, NULL);
    if (rc == 0)
        rc = rota_ctxvar_set(&word, value, NULL, token);
    return rc;
}

static int hand_down(void *arg)
{
    (void)arg;
    static char value[] = "x";
    char *seen = NULL;
    rota_ctxtoken token;
    int rc = set_words(value, &token);
    if (rc == 0)
        rc = rota_call_later(0, note_word, &seen, NULL);
    if (rc == 0) /* the timer's snapshot shares it: it is copied */
        rc = rota_ctxvar_reset(&word, &token);
    while (rc == 0 && !seen)
        rc = rota_sleep(rota_us(10));
    return rc < 0 ? rc : seen == value && !rota_ctxvar_get(&word);
}

static int run_hand_down(void)
{
    return rota_run(hand_down, NULL, NULL);
}

/* PITFALL 63 */
FAULT_TEST("values handed to a timer", run_hand_down, 1)

static void count(void *calls)
{
    ++*(int *)calls;
}

static int cancel_by_token(rota_token *token, int *calls)
{
    rota_scope s;
    rota_timer *late = NULL;
    int rc = rota_scope_begin(&s, 0);
    if (rc < 0)
        return rc;
    rc = rota_scope_link(&s, token);
    if (rc == 0)
        rc = rota_token_after(token, count, calls);
    if (rc == 0)
        rc = rota_call_later(rota_seconds(10), count, calls, &late);
    rota_token_cancel(token, NULL);
    if (rc == 0)
        rc = rota_sleep(rota_seconds(10));
    rota_timer_cancel(late);
    return rota_scope_end(&s, rc);
}

static int use_token(void *arg)
{
    (void)arg;
    int calls = 0;
    rota_token *token = rota_token_new();
    if (!token)
        return -ENOMEM;
    int rc = cancel_by_token(token, &calls);
    while (rc == 0 && calls == 0)
        rc = rota_sleep(rota_us(10));
    rota_token_after_stop(token, count, &calls);
    rota_token_unref(token);
    return rc < 0 ? rc : calls;
}

static int run_use_token(void)
{
    return rota_run(use_token, NULL, NULL);
}

/* PITFALL 63 */
FAULT_TEST("a token and what hangs on it", run_use_token, 1)
