/*
 * Errors nobody looked at: reported once, with who and where, and what then.
 */
#include <signal.h>
#include <sys/wait.h>

#include "tasks.h"

static char reported_site[128];

static void keep_report(const rota_unhandled *what)
{
    count_report(what);
    snprintf(reported_site, sizeof reported_site, "%s", what->site);
}

/* TASK-15 */
TASK_TEST("a failing task without handles is reported once, at its end, with "
          "its spawn site")
{
    rota_set_unhandled_handler(keep_report);
    rota_task_unref(rota_create_task(give_after, rota_ms(1), -EIO));
    CHECK_INT(rota_sleep(0), 0);
    CHECK_INT(reports, 0);
    CHECK_INT(rota_sleep(rota_ms(5)), 0);
    CHECK_INT(reports, 1);
    CHECK_INT(reported_rc, -EIO);
    CHECK_STR(reported_name, "give_after");
    CHECK_HAS(reported_site, "unhandled_test.c:");
}

/* TASK-16, TASK-18, PITFALL 45 */
TASK_TEST("an error that was seen in any way, and a cancellation, are not "
          "reported")
{
    rota_set_unhandled_handler(keep_report);
    rota_outcome out;
    rota_task *t = rota_create_task(give, -EIO);
    CHECK_INT(rota_join(t, NULL), 0);
    CHECK_INT(rota_join(t, &out), 0);
    rota_task_unref(t);
    CHECK_INT(rota_await(rota_create_task(give, -EIO)), -EIO);
    t = rota_create_task(give, -EIO);
    CHECK_INT(rota_gather(&t, 1, NULL, 0), -EIO);
    t = rota_create_task(give, -EIO);
    CHECK_INT(rota_race(&t, 1, NULL, NULL), -EIO);
    rota_group g;
    CHECK_INT(rota_group_begin(&g, 0), 0);
    CHECK_INT(rota_group_create_task(&g, give, -EIO), 0);
    CHECK_INT(rota_group_end(&g, 0), -EIO);
    t = rota_create_task(sleep_long);
    CHECK_INT(rota_sleep(0), 0);
    rota_task_cancel(t, NULL);
    rota_task_unref(t);
    CHECK_INT(rota_sleep(rota_ms(1)), 0);
    CHECK_INT(reports, 0);
}

static int fail_unseen(void *arg)
{
    (void)arg;
    rota_task_unref(rota_create_task(give, -EIO));
    int rc = rota_sleep(LONG);
    if (rc < 0)
        say(rota_cancel_reason());
    return rc;
}

TEST("the policy may be that main is cancelled")
{
    rota_set_unhandled_handler(keep_report);
    rota_run_options o = { .unhandled = ROTA_UNHANDLED_CANCEL_MAIN };
    CHECK_INT(rota_run(fail_unseen, NULL, &o), -ECANCELED);
    CHECK_STR(trace, "a task failed and nobody looked");
    CHECK_INT(reports, 1);
}

static void run_to_abort(void)
{
    rota_run_options o = { .unhandled = ROTA_UNHANDLED_ABORT };
    rota_run(fail_unseen, NULL, &o);
}

TEST("the policy may be that the process ends, with the report")
{
    char err[512];
    int status = test_child(run_to_abort, err, sizeof err);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    CHECK_HAS(err, "give");
    CHECK_HAS(err, "nobody looked");
}

static rota_task *kept;

static int keep_failed(void *arg)
{
    (void)arg;
    kept = rota_create_task(give, -EIO);
    return rota_sleep(0);
}

TEST("a handle that outlives the run still reports, and no more than that")
{
    rota_set_unhandled_handler(keep_report);
    rota_run_options o = { .unhandled = ROTA_UNHANDLED_ABORT };
    CHECK_INT(rota_run(keep_failed, NULL, &o), 0);
    CHECK_INT(reports, 0);
    rota_task_unref(kept);
    CHECK_INT(reports, 1);
}
