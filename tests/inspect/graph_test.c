/*
 * The call graph of a task: its frames, and those of all who wait for it.
 */
#include "task/tasks.h"

static char text[64 * 1024];

static int graph(const rota_task *t)
{
    FILE *f = tmpfile();
    CHECK(f != NULL);
    int rc = rota_print_call_graph(fileno(f), t);
    rewind(f);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    return rc;
}

static __attribute__((noinline)) int leaf(void)
{
    int rc = rota_sleep(LONG);
    __asm__ volatile("" ::: "memory");
    return rc;
}

static ROTA_ASYNC(leaf_task)
{
    return leaf();
}

static ROTA_ASYNC(member)
{
    return leaf();
}

static rota_task *below;

static __attribute__((noinline)) int await_below(void)
{
    int rc = rota_join(below, NULL);
    __asm__ volatile("" ::: "memory");
    return rc;
}

static ROTA_ASYNC(awaiter)
{
    return await_below();
}

static ROTA_ASYNC(grouper)
{
    rota_group g;
    int rc = rota_group_begin(&g, 0);
    if (rc == 0)
        rc = rota_group_spawn(&g, awaiter_rota_entry, NULL, NULL, NULL);
    return rota_group_end(&g, rc);
}

/* DBG-07 */
TASK_TEST("the graph of a parked task has its frames and all its awaiters")
{
    below = rota_create_task(leaf_task);
    rota_task *top = rota_create_task(grouper);
    rota_task *by = rota_create_task(member);
    CHECK_INT(rota_sleep(rota_ms(1)), 0);
    CHECK_INT(graph(below), 3);
    CHECK(strncmp(text, "leaf_task #", 11) == 0);
    CHECK_HAS(text, " leaf+0x");
    CHECK_HAS(text, "awaited by awaiter_rota_entry #");
    CHECK_HAS(text, " await_below+0x");
    CHECK_HAS(text, "awaited by grouper #");
    CHECK(!strstr(text, "member")); /* has nothing to do with it */
    CHECK(!strstr(text, "main"));
    rota_task_cancel(below, NULL);
    CHECK_INT(rota_await(top), 0);
    rota_task_unref(below);
    rota_task_cancel(by, NULL);
    rota_task_unref(by);
}

static __attribute__((noinline)) int inside(void)
{
    int rc = graph(rota_current_task());
    __asm__ volatile("" ::: "memory");
    return rc;
}

static ROTA_ASYNC(looks_at_itself)
{
    return inside();
}

/* DBG-07 */
TASK_TEST("the graph of the running task has the frames of now")
{
    CHECK_INT(rota_await(rota_create_task(looks_at_itself)), 2);
    CHECK_HAS(text, "looks_at_itself #2 ");
    CHECK_HAS(text, " inside+0x");
    CHECK_HAS(text, "awaited by main #1 ");
}

/* DBG-07 */
TASK_TEST("a task that is over has no graph")
{
    rota_task *t = rota_create_task(nothing);
    CHECK_INT(rota_join(t, NULL), 0);
    CHECK_INT(graph(t), 0);
    CHECK_STR(text, "");
    rota_task_unref(t);
}
