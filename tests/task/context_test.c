/*
 * Context variables: who sees which value, and how long it lives.
 */
#include <pthread.h>
#include <stdlib.h>

#include "tasks.h"

static const rota_ctxvar user = { "user", "nobody" };
static const rota_ctxvar colour = { "colour", NULL };

static const char *user_here(void)
{
    return rota_ctxvar_get(&user);
}

static void set_user(const char *name)
{
    CHECK_INT(rota_ctxvar_set(&user, (void *)name, NULL, NULL), 0);
}

/* Says the value it began with, sets its own, and says that in the end. */
static ROTA_ASYNC(say_users, (const char *, mine))
{
    say(user_here());
    set_user(mine);
    CHECK_INT(rota_sleep(0), 0);
    say(user_here());
    return 0;
}

/* CTX-01 */
TASK_TEST("a task sees what was set before it was spawned; neither sees what "
          "the other sets later")
{
    CHECK_STR(user_here(), "nobody");
    set_user("anna");
    rota_task *t = rota_create_task(say_users, "-ben ");
    set_user("carl");
    rota_task *u = rota_create_task(say_users, "-dora");
    CHECK_INT(rota_await(t), 0);
    CHECK_INT(rota_await(u), 0);
    CHECK_STR(trace, "annacarl-ben -dora");
    CHECK_STR(user_here(), "carl");
}

static ROTA_ASYNC(say_user_below, (int, depth))
{
    if (depth == 0) {
        say(user_here());
        return 0;
    }
    rota_group g;
    CHECK_INT(rota_group_begin(&g, 0), 0);
    CHECK_INT(rota_group_create_task(&g, say_user_below, depth - 1), 0);
    return rota_group_end(&g, 0);
}

/* CTX-01 */
TASK_TEST("a value is handed down through groups, however deep")
{
    set_user("anna");
    CHECK_INT(rota_await(rota_create_task(say_user_below, 10)), 0);
    CHECK_STR(trace, "anna");
}

TASK_TEST("variables do not touch each other")
{
    int red, blue;
    CHECK(rota_ctxvar_get(&colour) == NULL);
    CHECK_INT(rota_ctxvar_set(&colour, &red, NULL, NULL), 0);
    set_user("anna");
    CHECK(rota_ctxvar_get(&colour) == &red);
    CHECK_INT(rota_ctxvar_set(&colour, &blue, NULL, NULL), 0);
    CHECK_STR(user_here(), "anna");
    CHECK(rota_ctxvar_get(&colour) == &blue);
}

static int set_user_entry(void *name)
{
    set_user(name);
    return 0;
}

/* EAGER-08 */
TASK_TEST("what an eager task sets its spawner does not see")
{
    rota_task_options o = { .eager = true };
    set_user("anna");
    rota_task *t = rota_spawn(set_user_entry, "ben", &o);
    CHECK(rota_task_done(t));
    CHECK_STR(user_here(), "anna");
    CHECK_INT(rota_await(t), 0);
}

static ROTA_ASYNC(reset_it, (rota_ctxtoken, token))
{
    CHECK_STR(user_here(), "ben");
    return rota_ctxvar_reset(&user, &token);
}

/* CTX-02 */
TASK_TEST("a token brings the value back once, and only where it was given")
{
    set_user("anna");
    rota_ctxtoken token;
    CHECK_INT(rota_ctxvar_set(&user, "ben", NULL, &token), 0);
    CHECK_INT(rota_await(rota_create_task(reset_it, token)), -EINVAL);
    CHECK_STR(user_here(), "ben");
    CHECK_INT(rota_ctxvar_reset(&colour, &token), -EALREADY);
    CHECK_INT(rota_ctxvar_reset(&user, &token), 0);
    CHECK_STR(user_here(), "anna");
    CHECK_INT(rota_ctxvar_reset(&user, &token), -EALREADY);
    CHECK_STR(user_here(), "anna");
}

TASK_TEST("tokens nest; an outer one undoes all that came after")
{
    rota_ctxtoken outer, inner;
    CHECK_INT(rota_ctxvar_set(&user, "a", NULL, &outer), 0);
    CHECK_INT(rota_ctxvar_set(&user, "b", NULL, &inner), 0);
    set_user("c"); /* in the place of "b" */
    CHECK_INT(rota_ctxvar_reset(&user, &inner), 0);
    CHECK_STR(user_here(), "a");
    CHECK_INT(rota_ctxvar_set(&user, "d", NULL, &inner), 0);
    CHECK_INT(rota_ctxvar_reset(&user, &outer), 0);
    CHECK_STR(user_here(), "nobody");
    CHECK_INT(rota_ctxvar_reset(&user, &inner), -EALREADY);
}

static void say_user(void *arg)
{
    (void)arg;
    say(user_here());
    set_user("?"); /* the callback's own */
}

static int say_user_entry(void *arg)
{
    say_user(arg);
    return 0;
}

/* CTX-03 */
TASK_TEST("callbacks, timers and pool threads have the value of where they "
          "were asked for")
{
    rota_future *f = rota_future_new();
    rota_token *token = rota_token_new();
    set_user("1");
    CHECK_INT(rota_call_soon(say_user, NULL), 0);
    set_user("2");
    CHECK_INT(rota_future_on_done(f, say_user, NULL), 0);
    set_user("3");
    CHECK_INT(rota_token_after(token, say_user, NULL), 0);
    set_user("-");
    CHECK_INT(rota_wait_all_blocked(0), 0);
    CHECK_INT(rota_future_set(f, 0, NULL, NULL), 0);
    CHECK_INT(rota_wait_all_blocked(0), 0);
    CHECK_INT(rota_token_cancel(token, NULL), 1);
    CHECK_INT(rota_wait_all_blocked(0), 0);
    set_user("4");
    CHECK_INT(rota_call_later(0, say_user, NULL, NULL), 0);
    set_user("5");
    CHECK_INT(rota_wait_all_blocked(0), 0);
    CHECK_INT(rota_to_thread(say_user_entry, NULL), 0);
    CHECK_STR(trace, "12345");
    CHECK_STR(user_here(), "5");
    rota_token_unref(token);
    rota_future_unref(f);
}

static int ask_back(void *arg)
{
    (void)arg;
    set_user("thread");
    CHECK_INT(rota_from_thread_run(say_user_entry, NULL), 0);
    say(user_here());
    return 0;
}

/* CTX-03 */
TASK_TEST("what a pool thread sets is its own; what it asks its task to do is "
          "done in the task's context")
{
    set_user("task ");
    CHECK_INT(rota_to_thread(ask_back, NULL), 0);
    CHECK_STR(trace, "task thread");
    CHECK_STR(user_here(), "?"); /* say_user ran as the task */
}

static void spawn_sayer(void *arg)
{
    set_user("callback");
    *(rota_task **)arg = rota_create_task(say_user_below, 0);
}

TASK_TEST("a task spawned by a callback begins with the callback's values")
{
    rota_task *t = NULL;
    set_user("task");
    CHECK_INT(rota_call_soon(spawn_sayer, &t), 0);
    CHECK_INT(rota_sleep(0), 0);
    CHECK_INT(rota_await(t), 0);
    CHECK_STR(trace, "callback");
}

static void *run_from_outside(void *loop)
{
    rota_outcome out;
    rota_tfuture *f = rota_run_coroutine_threadsafe(loop, say_user_entry, NULL);
    CHECK_INT(rota_tfuture_wait(f, ROTA_FOREVER, &out), 0);
    CHECK_INT(rota_call_soon_threadsafe(loop, say_user, NULL), 0);
    rota_tfuture_unref(f);
    rota_loop_unref(loop);
    return NULL;
}

/* CTX-04 */
TASK_TEST("what no task has asked for begins with what rota_run began with")
{
    set_user("main");
    pthread_t thread;
    rota_loop *loop = rota_loop_ref(rota_current_loop());
    pthread_create(&thread, NULL, run_from_outside, loop);
    while (strlen(trace) < 2 * strlen("nobody"))
        CHECK_INT(rota_sleep(rota_us(100)), 0);
    pthread_join(thread, NULL);
    CHECK_STR(trace, "nobodynobody");
    CHECK_STR(user_here(), "main");
}

static int say_on(void *arg)
{
    (void)arg;
    set_user("first");
    rota_task *t = rota_create_task_on(rota_loop_at(1), say_user_below, 2);
    set_user("second");
    return rota_await(t);
}

/* CTX-01 */
TEST("a task placed on another loop has its spawner's values")
{
    CHECK_INT(rota_run_multi(2, say_on, NULL, NULL), 0);
    CHECK_STR(trace, "first");
}

static int freed;

static void count_free(void *value)
{
    freed++;
    free(value);
}

static ROTA_ASYNC(hold_for, (rota_dur, d))
{
    int rc = rota_sleep(d);
    CHECK(strcmp(user_here(), "anna") == 0);
    return rc;
}

static int set_and_leave(void *arg)
{
    CHECK_INT(rota_ctxvar_set(&user, strdup("anna"), count_free, NULL), 0);
    *(rota_task **)arg = rota_create_task(hold_for, rota_ms(2));
    return 0;
}

TASK_TEST("a value lives as long as somebody may read it, and no longer")
{
    rota_task *holder;
    CHECK_INT(rota_await(rota_spawn(set_and_leave, &holder, NULL)), 0);
    CHECK_INT(freed, 0);
    CHECK_INT(rota_await(holder), 0);
    CHECK_INT(freed, 1);
    rota_ctxtoken token;
    for (int i = 0; i < 1000; i++) {
        CHECK_INT(rota_ctxvar_set(&user, strdup("x"), count_free, NULL), 0);
        CHECK_INT(freed, 1 + i);
    }
    CHECK_INT(rota_ctxvar_set(&user, strdup("y"), count_free, &token), 0);
    CHECK_INT(freed, 1000);
    CHECK_STR(user_here(), "y");
    CHECK_INT(rota_ctxvar_reset(&user, &token), 0);
    CHECK_INT(freed, 1001);
    CHECK_STR(user_here(), "x");
    rota_future *f = rota_future_new(); /* a snapshot nobody will use */
    CHECK_INT(rota_future_on_done(f, say_user, NULL), 0);
    CHECK_INT(rota_future_on_done(f, say_user, f), 0);
    set_user("z");
    CHECK_INT(freed, 1001);
    CHECK_INT(rota_future_off_done(f, say_user, f), 1);
    rota_future_unref(f);
    CHECK_INT(freed, 1002);
}

static ROTA_ASYNC(set_many, (int, n))
{
    static rota_ctxvar many[64];
    for (int i = 0; i < n; i++)
        CHECK_INT(rota_ctxvar_set(&many[i % 64], &many[i % 64], NULL, NULL), 0);
    CHECK_INT(rota_sleep(0), 0);
    for (int i = 0; i < 64; i++)
        CHECK(rota_ctxvar_get(&many[i]) == &many[i]);
    return 0;
}

TASK_TEST("many variables, many tasks, and nothing is left behind")
{
    rota_task *t[100];
    CHECK_INT(rota_await(rota_create_task(set_many, 64)), 0);
    for (int i = 0; i < 100; i++)
        t[i] = rota_create_task(set_many, 640);
    CHECK_INT(rota_gather(t, 100, NULL, 0), 0);
}

TEST("outside of a loop a variable has its initial value, and keeps it")
{
    rota_set_misuse_handler(count_misuse);
    rota_ctxtoken token = { 0 };
    CHECK_STR(user_here(), "nobody");
    CHECK_INT(rota_ctxvar_set(&user, "x", NULL, NULL), -EPERM);
    CHECK_INT(rota_ctxvar_reset(&user, &token), -EPERM);
    CHECK_INT(misuses, 2);
    CHECK_STR(user_here(), "nobody");
}

static void reset_by_nothing(void *var)
{
    rota_ctxtoken none = { 0 };
    CHECK_INT(rota_ctxvar_set(var, "set", NULL, NULL), 0);
    CHECK_INT(rota_ctxvar_reset(var, &none), -EINVAL);
    say(rota_ctxvar_get(var));
}

TASK_TEST("what no set has given is no token, in a callback either")
{
    static const rota_ctxvar var = { .initial = "initial" };
    CHECK_INT(rota_call_soon(reset_by_nothing, (void *)&var), 0);
    CHECK_INT(rota_sleep(0), 0);
    CHECK_STR(trace, "set");
}
