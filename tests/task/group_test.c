/*
 * Task groups: who ends, who is cancelled, and what the end says.
 */
#include <stdlib.h>

#include "tasks.h"

/* Spawns a coroutine into a group; it must work. */
#define GROUP_SPAWN(g, ...) CHECK_INT(rota_group_create_task(g, __VA_ARGS__), 0)

static ROTA_ASYNC(say_after, (rota_dur, d), (const char *, word), (int, rc))
{
    int mine = rota_sleep(d);
    say(mine < 0 ? "x" : word);
    return mine < 0 ? mine : rc;
}

/* GRP-01 */
TASK_TEST("the end waits for all members")
{
    rota_group g;
    CHECK_INT(rota_group_begin(&g, 0), 0);
    GROUP_SPAWN(&g, say_after, rota_ms(1), "a", 2);
    GROUP_SPAWN(&g, say_after, rota_ms(2), "b", 1);
    CHECK_INT(rota_group_end(&g, 9), 0);
    CHECK_STR(trace, "ab");
    CHECK_INT(rota_group_errors(&g, NULL, 0), 0);
}

/* GRP-02 */
TASK_TEST("a member that fails cancels its sibling, and the end returns the "
          "error")
{
    rota_group g;
    CHECK_INT(rota_group_begin(&g, 0), 0);
    GROUP_SPAWN(&g, say_after, LONG, "a", 0);
    GROUP_SPAWN(&g, say_after, rota_ms(1), "b", -EIO);
    CHECK_INT(rota_group_end(&g, 0), -EIO);
    CHECK_STR(trace, "bx");
}

/* GRP-03 */
TASK_TEST("a member that fails cuts the body, and then no more")
{
    rota_group g;
    CHECK_INT(rota_group_begin(&g, 0), 0);
    GROUP_SPAWN(&g, give_after, rota_ms(1), -EIO);
    CHECK_INT(rota_sleep(LONG), -ECANCELED);
    CHECK_HAS(rota_cancel_reason(), "failed");
    CHECK_INT(rota_group_end(&g, -ECANCELED), -EIO);
    CHECK_INT(rota_sleep(rota_ms(1)), 0);
}

/* GRP-04 */
TASK_TEST("the errors are kept in order of their coming; the end returns the "
          "first")
{
    rota_group g;
    CHECK_INT(rota_group_begin(&g, 0), 0);
    GROUP_SPAWN(&g, clean_up_for, rota_ms(1), -EPROTO);
    GROUP_SPAWN(&g, give_after, rota_ms(1), -EIO);
    CHECK_INT(rota_group_end(&g, 0), -EIO);
    int codes[3] = { 0 };
    CHECK_INT(rota_group_errors(&g, codes, 3), 2);
    CHECK_INT(codes[0], -EIO);
    CHECK_INT(codes[1], -EPROTO);
    CHECK_INT(codes[2], 0);
    CHECK_INT(rota_group_errors(&g, codes + 2, 1), 2);
    CHECK_INT(codes[2], -EIO);
}

TASK_TEST("more errors than are kept are counted")
{
    rota_group g;
    CHECK_INT(rota_group_begin(&g, ROTA_GROUP_ISOLATE), 0);
    for (int i = 1; i <= 40; i++)
        GROUP_SPAWN(&g, give, -i);
    CHECK_INT(rota_group_end(&g, 0), -1);
    int codes[40] = { 0 };
    CHECK_INT(rota_group_errors(&g, codes, 40), 40);
    CHECK_INT(codes[15], -16);
    CHECK_INT(codes[16], 0);
}

/* GRP-05 */
TASK_TEST("an error of the body cancels the members")
{
    rota_group g;
    CHECK_INT(rota_group_begin(&g, 0), 0);
    GROUP_SPAWN(&g, say_after, LONG, "a", 0);
    CHECK_INT(rota_sleep(0), 0);
    CHECK_INT(rota_group_end(&g, -EIO), -EIO);
    CHECK_STR(trace, "x");
}

/* GRP-06 */
TASK_TEST("the body's error stands before that of a member's clean-up")
{
    rota_group g;
    CHECK_INT(rota_group_begin(&g, 0), 0);
    GROUP_SPAWN(&g, clean_up_for, 0, -EPROTO);
    CHECK_INT(rota_sleep(0), 0);
    CHECK_INT(rota_group_end(&g, -EIO), -EIO);
    int codes[2];
    CHECK_INT(rota_group_errors(&g, codes, 2), 2);
    CHECK_INT(codes[0], -EIO);
    CHECK_INT(codes[1], -EPROTO);
}

static int sleep_long_entry(void *arg)
{
    (void)arg;
    return rota_sleep(LONG);
}

/* GRP-07 */
TASK_TEST("a member cancelled by itself is no error, and the others go on")
{
    rota_group g;
    rota_task *t;
    CHECK_INT(rota_group_begin(&g, 0), 0);
    CHECK_INT(rota_group_spawn(&g, sleep_long_entry, NULL, NULL, &t), 0);
    GROUP_SPAWN(&g, say_after, rota_ms(3), "a", 0);
    CHECK_INT(rota_sleep(0), 0);
    rota_task_cancel(t, NULL);
    CHECK_INT(rota_group_end(&g, 0), 0);
    CHECK_STR(trace, "a");
    rota_outcome out;
    CHECK_INT(rota_join(t, &out), 0);
    CHECK_INT(out.state, ROTA_CANCELLED);
    rota_task_unref(t);
}

static ROTA_ASYNC(hold_group, (int *, rc), (int *, after))
{
    rota_group g;
    CHECK_INT(rota_group_begin(&g, 0), 0);
    GROUP_SPAWN(&g, say_after, LONG, "a", 0);
    *rc = rota_group_end(&g, 0);
    say("e");
    *after = rota_sleep(0);
    return *rc;
}

/* GRP-08 */
TASK_TEST("cancelling who waits in the end cancels the members; it returns "
          "after them")
{
    int rc, after;
    rota_task *t = rota_create_task(hold_group, &rc, &after);
    CHECK_INT(rota_sleep(rota_ms(1)), 0);
    rota_task_cancel(t, NULL);
    CHECK_INT(rota_await(t), -ROTA_ECHILD);
    CHECK_STR(trace, "xe");
    CHECK_INT(rc, -ECANCELED);
    CHECK_INT(after, -ECANCELED);
}

static ROTA_ASYNC(spawn_late, (rota_group *, g))
{
    CHECK_INT(rota_sleep(rota_ms(1)), 0);
    GROUP_SPAWN(g, say_after, rota_ms(1), "late", 0);
    return 0;
}

/* GRP-10 */
TASK_TEST("a member may spawn into its group after the body has ended")
{
    rota_group g;
    CHECK_INT(rota_group_begin(&g, 0), 0);
    GROUP_SPAWN(&g, spawn_late, &g);
    CHECK_INT(rota_group_end(&g, 0), 0);
    CHECK_STR(trace, "late");
}

static rota_group *reopened;

static void respawn(void *arg)
{
    (void)arg;
    rota_task_options o = { .eager = true };
    CHECK_INT(rota_group_spawn(reopened, nothing_rota_entry, NULL, &o, NULL),
              0);
    say("s");
}

static int end_and_respawn(void *arg)
{
    (void)arg;
    CHECK_INT(rota_sleep(rota_ms(1)), 0);
    CHECK_INT(rota_future_on_done(rota_task_future(rota_current_task()),
                                  respawn, NULL),
              0);
    return 0;
}

/* PITFALL 43 */
TASK_TEST("a group that lives and ends again between its host's waking and "
          "its running wakes it once")
{
    rota_group g;
    reopened = &g;
    CHECK_INT(rota_group_begin(&g, 0), 0);
    CHECK_INT(rota_group_spawn(&g, end_and_respawn, NULL, NULL, NULL), 0);
    CHECK_INT(rota_group_end(&g, 0), 0);
    CHECK_STR(trace, "s");
    CHECK_INT(rota_sleep(0), 0);
    CHECK_INT(rota_sleep(0), 0);
}

/* GRP-11 */
TASK_TEST("a group that has ended takes no more; the argument stays ours")
{
    rota_group g;
    CHECK_INT(rota_group_begin(&g, 0), 0);
    CHECK_INT(rota_group_end(&g, 0), 0);
    rota_task *out = NULL;
    CHECK_INT(rota_group_spawn(&g, sleep_long_entry, NULL, NULL, &out),
              -ESHUTDOWN);
    CHECK_INT(rota_group_create_task(&g, nothing), -ESHUTDOWN);
    CHECK(out == NULL);
    rota_group_cancel(&g, NULL);
    CHECK_INT(rota_sleep(0), 0);
}

static int free_argument(void *arg)
{
    int rc = rota_sleep(0);
    free(arg);
    say(rc == -ECANCELED ? "c" : "?");
    return rc;
}

/* GRP-12 */
TASK_TEST("a member spawned into a cancelled group starts, and takes care of "
          "its argument")
{
    rota_group g;
    CHECK_INT(rota_group_begin(&g, 0), 0);
    rota_group_cancel(&g, NULL);
    CHECK_INT(rota_group_spawn(&g, free_argument, malloc(8), NULL, NULL), 0);
    CHECK_INT(rota_group_end(&g, -ECANCELED), 0);
    CHECK_STR(trace, "c");
}

/* GRP-13 */
TASK_TEST("an empty group under a cancelled scope lost nothing")
{
    rota_scope s;
    rota_group g;
    CHECK_INT(rota_scope_begin(&s, 0), 0);
    CHECK_INT(rota_group_begin(&g, 0), 0);
    rota_scope_cancel(&s, NULL);
    rota_task *t = rota_create_task(say_after, 0, "t", 0);
    CHECK_INT(rota_group_end(&g, 0), 0); /* lets others run once */
    CHECK_INT(rota_sleep(0), -ECANCELED);
    CHECK_INT(rota_scope_end(&s, -ECANCELED), 0);
    CHECK_INT(rota_await(t), 0);
}

static ROTA_ASYNC(set_flag, (bool *, flag))
{
    *flag = true;
    return 0;
}

/* GRP-13 */
TASK_TEST("the end of a group is always one schedule point")
{
    bool ran = false;
    rota_task *t = rota_create_task(set_flag, &ran);
    rota_group g;
    CHECK_INT(rota_group_begin(&g, 0), 0);
    CHECK_INT(rota_group_end(&g, 0), 0);
    CHECK(ran);
    CHECK_INT(rota_await(t), 0);
}

static ROTA_ASYNC(group_then_suspend, (rota_dur, d), (int *, end),
                  (int *, next))
{
    rota_group g;
    CHECK_INT(rota_group_begin(&g, 0), 0);
    GROUP_SPAWN(&g, give_after, d, -EIO);
    *end = rota_group_end(&g, 0);
    *next = rota_sleep(0);
    return *end == -ECANCELED ? -ECANCELED : 0;
}

/* GRP-16, SEMANTICS A15 */
TASK_TEST("a member's error, then a cancel in the same step: the end says the "
          "error, the next call the cancel")
{
    int end, next;
    rota_task *t = rota_create_task(group_then_suspend, 0, &end, &next);
    CHECK_INT(rota_sleep(0), 0); /* it spawns */
    CHECK_INT(rota_sleep(0), 0); /* the member yields */
    CHECK_INT(rota_sleep(0), 0); /* and fails */
    rota_task_cancel(t, NULL);
    rota_outcome out;
    CHECK_INT(rota_join(t, &out), 0);
    CHECK_INT(out.state, ROTA_OK);
    CHECK_INT(end, -EIO);
    CHECK_INT(next, -ECANCELED);
    rota_task_unref(t);
}

/* GRP-16 */
TASK_TEST("the other order: the member is cut, and the end says so")
{
    int end, next;
    rota_task *t = rota_create_task(group_then_suspend, LONG, &end, &next);
    CHECK_INT(rota_sleep(rota_ms(1)), 0);
    rota_task_cancel(t, NULL);
    CHECK_INT(rota_await(t), -ROTA_ECHILD);
    CHECK_INT(end, -ECANCELED);
    CHECK_INT(next, -ECANCELED);
}

static ROTA_ASYNC(cancel_group, (rota_group *, g))
{
    rota_group_cancel(g, "from inside");
    return rota_sleep(LONG);
}

/* GRP-17 */
TASK_TEST("cancelling a group is no error: by the body, by a member, before "
          "it begins")
{
    rota_group g;
    CHECK_INT(rota_group_begin(&g, 0), 0);
    rota_group_cancel(&g, NULL);
    CHECK_INT(rota_group_end(&g, rota_sleep(LONG)), 0);
    CHECK_INT(rota_group_begin(&g, 0), 0);
    GROUP_SPAWN(&g, cancel_group, &g);
    CHECK_INT(rota_group_end(&g, rota_sleep(LONG)), 0);
    rota_group early = ROTA_GROUP_INIT;
    rota_group_cancel(&early, "early");
    CHECK_INT(rota_group_begin(&early, ROTA_GROUP_PREPARED), 0);
    CHECK_STR(rota_cancel_reason(), "early");
    CHECK_INT(rota_group_end(&early, rota_sleep(LONG)), 0);
    CHECK_INT(rota_sleep(0), 0);
}

/* GRP-24 */
TASK_TEST("in an isolating group a failure cancels nobody")
{
    rota_group g;
    CHECK_INT(rota_group_begin(&g, ROTA_GROUP_ISOLATE), 0);
    GROUP_SPAWN(&g, give, -EIO);
    GROUP_SPAWN(&g, say_after, rota_ms(2), "a", 0);
    CHECK_INT(rota_sleep(rota_ms(1)), 0);
    CHECK_INT(rota_group_end(&g, 0), -EIO);
    CHECK_STR(trace, "a");
}

static ROTA_ASYNC(end_it, (rota_group *, g))
{
    return rota_group_end(g, 0);
}

/* GRP-28 */
TASK_TEST("a group is ended by its own task only, once, in order")
{
    rota_set_misuse_handler(count_misuse);
    rota_group g;
    rota_task *t;
    CHECK_INT(rota_group_begin(&g, ROTA_GROUP_ISOLATE), 0);
    CHECK_INT(rota_group_begin(&g, 0), -EALREADY);
    GROUP_SPAWN(&g, end_it, &g);
    CHECK_INT(rota_await(rota_create_task(end_it, &g)), -EPERM);
    CHECK_INT(rota_sleep(0), 0);
    int code;
    CHECK_INT(rota_group_errors(&g, &code, 1), 1);
    CHECK_INT(code, -EDEADLK);
    rota_scope s;
    CHECK_INT(rota_scope_begin(&s, 0), 0);
    CHECK_INT(rota_group_end(&g, 0), -EINVAL);
    CHECK_INT(rota_scope_end(&s, 0), 0);
    CHECK_INT(misuses, 4);
    CHECK_INT(rota_group_spawn(&g, sleep_long_entry, NULL, NULL, &t), 0);
    rota_group_cancel(&g, NULL);
    CHECK_INT(rota_group_end(&g, 0), -EDEADLK); /* the member's error */
    CHECK_INT(rota_group_end(&g, 0), -EPERM);
    CHECK_INT(misuses, 5);
    rota_task_unref(t);
}

static ROTA_ASYNC(join_host, (rota_task *, host))
{
    return rota_join(host, NULL);
}

static ROTA_ASYNC(join_host_below, (rota_task *, host))
{
    rota_group g;
    CHECK_INT(rota_group_begin(&g, 0), 0);
    GROUP_SPAWN(&g, join_host, host);
    return rota_group_end(&g, 0);
}

/* GRP-29 */
TASK_TEST("a member that joins its host, in the end or before, would wait for "
          "ever")
{
    rota_group g;
    CHECK_INT(rota_group_begin(&g, 0), 0);
    GROUP_SPAWN(&g, join_host, rota_current_task());
    CHECK_INT(rota_group_end(&g, 0), -EDEADLK);
    CHECK_INT(rota_group_begin(&g, 0), 0);
    GROUP_SPAWN(&g, join_host, rota_current_task());
    CHECK_INT(rota_sleep(LONG), -ECANCELED); /* it tries while the body runs */
    CHECK_INT(rota_group_end(&g, -ECANCELED), -EDEADLK);
    CHECK_INT(rota_group_begin(&g, 0), 0);
    GROUP_SPAWN(&g, join_host_below, rota_current_task());
    CHECK_INT(rota_group_end(&g, 0), -EDEADLK);
}

/* PITFALL 43 */
TASK_TEST("a thousand groups one after the other, a hundred inside each other")
{
    rota_group g[100];
    for (int i = 0; i < 100; i++) {
        CHECK_INT(rota_group_begin(&g[i], 0), 0);
        GROUP_SPAWN(&g[i], give_after, rota_ms(1), 0);
    }
    for (int i = 100; i-- > 0;)
        CHECK_INT(rota_group_end(&g[i], 0), 0);
    for (int i = 0; i < 1000; i++) {
        CHECK_INT(rota_group_begin(&g[0], 0), 0);
        GROUP_SPAWN(&g[0], give, i % 2 ? -EIO : 0);
        CHECK_INT(rota_group_end(&g[0], 0), i % 2 ? -EIO : 0);
    }
}

static void cancel_from_outside(void *g)
{
    rota_group_cancel(g, "from outside");
}

static ROTA_ASYNC(fail_with_group, (rota_group *, g), (bool, cancel_first))
{
    CHECK_INT(rota_sleep(0), 0);
    if (cancel_first)
        cancel_from_outside(g);
    else
        CHECK_INT(rota_call_soon(cancel_from_outside, g), 0);
    return -EIO;
}

/* PITFALL 43, SEMANTICS A15 */
TASK_TEST("a group cancelled from outside while a member fails: the error "
          "comes first, whichever did")
{
    for (int cancel_first = 0; cancel_first < 2; cancel_first++) {
        rota_group g;
        trace[0] = '\0';
        CHECK_INT(rota_group_begin(&g, 0), 0);
        GROUP_SPAWN(&g, fail_with_group, &g, cancel_first);
        GROUP_SPAWN(&g, say_after, LONG, "?", 0);
        CHECK_INT(rota_group_end(&g, rota_sleep(LONG)), -EIO);
        CHECK_STR(trace, "x");
        CHECK_INT(rota_group_errors(&g, NULL, 0), 1);
        CHECK_INT(rota_sleep(0), 0);
    }
}

static ROTA_ASYNC(spawn_when_cut, (rota_group *, g))
{
    CHECK_INT(rota_sleep(LONG), -ECANCELED);
    GROUP_SPAWN(g, say_after, 0, "late", 0);
    return -ECANCELED;
}

/* PITFALL 43 */
TASK_TEST("a member spawned into a group that is closing starts, is cut, and "
          "is waited for")
{
    rota_group g;
    CHECK_INT(rota_group_begin(&g, 0), 0);
    GROUP_SPAWN(&g, spawn_when_cut, &g);
    GROUP_SPAWN(&g, give_after, 0, -EIO);
    CHECK_INT(rota_group_end(&g, 0), -EIO);
    CHECK_STR(trace, "x");
}

static int live, most_live;

static ROTA_ASYNC(count_live, (int, i))
{
    if (++live > most_live)
        most_live = live;
    CHECK_INT(rota_sleep(i % 3 ? 0 : rota_us(200)), 0);
    live--;
    return 0;
}

/* GRP-25 */
TASK_TEST("a group with a limit never has more members; spawns wait")
{
    rota_group g;
    CHECK_INT(rota_group_begin(&g, 0), 0);
    rota_group_limit(&g, 10);
    for (int i = 0; i < 1000; i++)
        GROUP_SPAWN(&g, count_live, i);
    CHECK_INT(rota_group_end(&g, 0), 0);
    CHECK_INT(most_live, 10);
    CHECK_INT(live, 0);
}

static ROTA_ASYNC(spawn_one, (rota_group *, g), (const char *, word))
{
    int rc = rota_group_create_task(g, say_after, rota_ms(1), word, 0);
    if (rc < 0)
        say("-");
    return rc;
}

static ROTA_ASYNC(say_when, (rota_future *, f), (const char *, word))
{
    int rc = rota_future_wait(f, NULL);
    say(word);
    return rc;
}

/* GRP-25 */
TASK_TEST("places go to those who wait in order of their coming; one that is "
          "cancelled leaves its turn; the end waits for all")
{
    rota_group g;
    CHECK_INT(rota_group_begin(&g, 0), 0);
    rota_group_limit(&g, 1);
    rota_future *go = rota_future_new();
    GROUP_SPAWN(&g, say_when, go, "a");
    rota_task *t[3] = { rota_create_task(spawn_one, &g, "b"),
                        rota_create_task(spawn_one, &g, "x"),
                        rota_create_task(spawn_one, &g, "c") };
    CHECK_INT(rota_sleep(0), 0);
    rota_task_cancel(t[1], NULL);
    CHECK_INT(rota_sleep(0), 0);
    CHECK_INT(rota_future_set(go, 0, NULL, NULL), 0);
    rota_future_unref(go);
    CHECK_INT(rota_group_end(&g, 0), 0);
    CHECK_STR(trace, "-abc");
    int results[3];
    CHECK_INT(rota_gather(t, 3, results, ROTA_COLLECT), 0);
    CHECK_INT(results[1], -ROTA_ECHILD);
}

/* GRP-25 */
TASK_TEST("a body that waits for a place is cut when a member fails; a spawn "
          "that fails passes its place on")
{
    rota_group g;
    rota_task_options huge = { .stack_size = (size_t)1 << 46 };
    CHECK_INT(rota_group_begin(&g, 0), 0);
    rota_group_limit(&g, 1);
    GROUP_SPAWN(&g, say_after, rota_ms(1), "a", 0);
    rota_task *next = rota_create_task(spawn_one, &g, "b");
    CHECK_INT(rota_group_spawn(&g, sleep_long_entry, NULL, &huge, NULL),
              -ENOMEM);
    CHECK_INT(rota_await(next), 0);
    GROUP_SPAWN(&g, give, -EIO);
    CHECK_INT(rota_group_create_task(&g, nothing), -ECANCELED);
    CHECK_INT(rota_group_end(&g, -ECANCELED), -EIO);
    CHECK_STR(trace, "ab");
}

/* GRP-25 */
TASK_TEST("lifting the limit lets all in who wait")
{
    rota_group g;
    CHECK_INT(rota_group_begin(&g, 0), 0);
    rota_group_limit(&g, 1);
    GROUP_SPAWN(&g, sleep_long);
    rota_task *t[2] = { rota_create_task(spawn_one, &g, "b"),
                        rota_create_task(spawn_one, &g, "c") };
    CHECK_INT(rota_sleep(0), 0);
    CHECK(!rota_task_done(t[0]));
    rota_group_limit(&g, 0);
    CHECK_INT(rota_gather(t, 2, NULL, 0), 0);
    CHECK_INT(rota_sleep(rota_ms(5)), 0);
    CHECK_STR(trace, "bc");
    rota_group_cancel(&g, NULL);
    CHECK_INT(rota_group_end(&g, 0), 0);
}

/* GRP-27 */
TASK_TEST("ROTA_GROUP_ANY: the first that ends well cancels the rest")
{
    rota_group g;
    CHECK_INT(rota_group_begin(&g, ROTA_GROUP_ANY), 0);
    GROUP_SPAWN(&g, say_after, 0, "f", -EIO);
    GROUP_SPAWN(&g, say_after, rota_ms(3), "w", 7);
    GROUP_SPAWN(&g, say_after, LONG, "?", 0);
    CHECK_INT(rota_group_end(&g, rota_sleep(LONG)), 0);
    CHECK_STR(trace, "fwx");
    CHECK_INT(rota_sleep(0), 0);
}

/* GRP-27 */
TASK_TEST("ROTA_GROUP_ANY: when all fail the end returns the last error")
{
    rota_group g;
    CHECK_INT(rota_group_begin(&g, ROTA_GROUP_ANY), 0);
    GROUP_SPAWN(&g, give_after, rota_ms(2), -EPROTO);
    GROUP_SPAWN(&g, give, -EIO);
    CHECK_INT(rota_group_end(&g, 0), -EPROTO);
    int codes[2];
    CHECK_INT(rota_group_errors(&g, codes, 2), 2);
    CHECK_INT(codes[0], -EIO);
    CHECK_INT(rota_group_begin(&g, ROTA_GROUP_ANY), 0);
    CHECK_INT(rota_group_end(&g, 0), 0);
}
