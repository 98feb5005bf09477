/*
 * Debug mode's smaller parts: use of stacks, and calls on the wrong thread.
 */
#include <pthread.h>
#include <stdlib.h>

#include "task/tasks.h"

static char text[8192];

/* What `print` writes. */
static int read_print(int (*print)(int fd))
{
    FILE *f = tmpfile();
    CHECK(f != NULL);
    int rc = print(fileno(f));
    rewind(f);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    return rc;
}

static __attribute__((noinline)) int use(size_t bytes)
{
    volatile char room[bytes];
    memset((char *)room, 1, bytes);
    return room[bytes / 2];
}

static ROTA_ASYNC(deep, (int, bytes))
{
    return use((size_t)bytes);
}

static ROTA_ASYNC(shallow)
{
    return 1;
}

/* The bytes in the line of the task `name`. */
static long used_by(const char *name)
{
    const char *line = strstr(text, name);
    const char *number = line ? strstr(line, "): ") : NULL;
    CHECK(number != NULL);
    return atol(number + 3);
}

static int use_stacks(void *arg)
{
    (void)arg;
    static const int sizes[] = { 1000, 100 * 1000, 30 * 1000 };
    for (int i = 0; i < 3; i++) {
        CHECK_INT(rota_await(rota_create_task(deep, sizes[i])), 1);
        CHECK_INT(rota_await(rota_create_task(shallow)), 1);
    }
    CHECK_INT(read_print(rota_print_stacks), 0);
    CHECK_HAS(text, "deep (spawned at tests/inspect/debug_test.c:");
    CHECK_HAS(text, "shallow (spawned at tests/inspect/debug_test.c:");
    CHECK_HAS(text, " bytes, 3 tasks\n");
    CHECK(strstr(text, "deep") < strstr(text, "shallow"));
    CHECK(used_by("shallow") > 0 && used_by("shallow") < 32 * 1024);
    if (!test_sanitized()) { /* they keep locals elsewhere */
        CHECK(used_by("deep") >= 100 * 1000);
        CHECK(used_by("deep") < 120 * 1000);
    }
    return 0;
}

TEST("the use of stacks is told by the place of the spawn")
{
    rota_run_options o = { .debug = true };
    CHECK_INT(rota_run(use_stacks, NULL, &o), 0);
    CHECK_INT(read_print(rota_print_stacks), -ENODATA);
}

static char lines[4096];

static void keep_line(enum rota_log_level level, const char *line)
{
    if (level == ROTA_LOG_DEBUG)
        strncat(lines, line, sizeof lines - strlen(lines) - 1);
}

TEST("it stands in the log of debugging when the loop ends")
{
    rota_run_options o = { .debug = true };
    rota_set_log_handler(keep_line);
    rota_set_log_level(ROTA_LOG_DEBUG);
    CHECK_INT(rota_run(use_stacks, NULL, &o), 0);
    CHECK_HAS(lines, "stack use: deep (spawned at tests/inspect/debug_test.c:");
}

static ROTA_ASYNC(renamed, (int, i))
{
    char name[32];
    snprintf(name, sizeof name, "request %d", i);
    return rota_task_set_name(rota_current_task(), name);
}

static int rename_tasks(void *arg)
{
    (void)arg;
    for (int i = 0; i < 3; i++)
        CHECK_INT(rota_await(rota_create_task(renamed, i)), 0);
    return 0;
}

TEST("tasks that were given a name of their own are told together")
{
    rota_run_options o = { .debug = true };
    rota_set_log_handler(keep_line);
    rota_set_log_level(ROTA_LOG_DEBUG);
    CHECK_INT(rota_run(rename_tasks, NULL, &o), 0);
    CHECK_HAS(lines, "stack use: task (spawned at tests/inspect/debug_test.c:");
    CHECK_HAS(lines, " bytes, 3 tasks");
    CHECK(!strstr(lines, "request"));
}

static void never(void *arg)
{
    (void)arg;
    test_fail(TEST_AT, "called");
}

static rota_future *future;

static void *call_from_thread(void *arg)
{
    (void)arg;
    CHECK_INT(rota_call_soon(never, NULL), -EPERM);
    CHECK_INT(misuses, 1);
    CHECK_HAS(misuse_text, "rota_call_soon");
    CHECK_INT(rota_future_set(future, 1, NULL, NULL), -EXDEV);
    CHECK_INT(misuses, 2);
    CHECK_HAS(misuse_text, "a future used on another thread than its loop's");
    CHECK_INT(rota_future_cancel(future), -EXDEV);
    CHECK_INT(misuses, 3);
    CHECK(!rota_future_ref(future));
    rota_future_unref(future);
    CHECK_INT(misuses, 5);
    return NULL;
}

static rota_group group;
static rota_scope scope;
static rota_timer *timer;

static int never_begin(void *arg)
{
    never(arg);
    return 0;
}

static void *use_from_thread(void *arg)
{
    (void)arg;
    CHECK_INT(rota_group_spawn(&group, never_begin, NULL, NULL, NULL), -EXDEV);
    CHECK_INT(rota_group_try_spawn(&group, never_begin, NULL, NULL, NULL),
              -EXDEV);
    rota_group_cancel(&group, NULL);
    CHECK_INT(misuses, 3);
    CHECK_HAS(misuse_text, "a scope or group used on another thread");
    rota_scope_cancel(&scope, NULL);
    rota_scope_set_shield(&scope, true);
    CHECK_INT(rota_scope_reschedule(&scope, 0), -EXDEV);
    CHECK_INT(misuses, 6);
    CHECK_INT(rota_timer_cancel(timer), -EXDEV);
    CHECK_INT(misuses, 7);
    return NULL;
}

/* DBG-02 */
TASK_TEST("a group, a scope and a timer are none of another thread's business")
{
    pthread_t thread;
    rota_set_misuse_handler(count_misuse);
    CHECK_INT(rota_group_begin(&group, 0), 0);
    CHECK_INT(rota_scope_begin(&scope, 0), 0);
    CHECK_INT(rota_call_later(LONG, never, NULL, &timer), 0);
    CHECK_INT(pthread_create(&thread, NULL, use_from_thread, NULL), 0);
    pthread_join(thread, NULL);
    CHECK(!rota_cancelled()); /* nothing was changed */
    CHECK_INT(rota_scope_end(&scope, 0), 0);
    CHECK_INT(rota_group_end(&group, 0), 0);
    CHECK_INT(rota_timer_cancel(timer), 1);
}

static int call_wrongly(void *arg)
{
    (void)arg;
    pthread_t thread;
    rota_set_misuse_handler(count_misuse);
    future = rota_future_new();
    CHECK_INT(pthread_create(&thread, NULL, call_from_thread, NULL), 0);
    pthread_join(thread, NULL);
    CHECK(!rota_future_done(future)); /* nothing was changed */
    CHECK_INT(rota_future_set(future, 1, NULL, NULL), 0);
    CHECK_INT(misuses, 5);
    rota_future_unref(future);
    return 0;
}

/* DBG-02 */
TEST("calls on another thread than the loop's are misuse")
{
    rota_run_options o = { .debug = true };
    CHECK_INT(rota_run(call_wrongly, NULL, &o), 0);
}
