/*
 * C++ exceptions in tasks: the runtime of C++ keeps what is being handled for
 * each thread, and here many tasks share one.
 */
#include "exceptions.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "tasks.h"

enum { TASKS = 20, ROUNDS = 50 };

static int suspend(void)
{
    return rota_checkpoint();
}

static ROTA_ASYNC(catcher, (int, value))
{
    for (int i = 0; i < ROUNDS; i++) {
        if (throw_and_catch(value) != value ||
            catch_and_suspend(value, suspend) != value)
            return -EIO;
        if (i % 3 == value % 3)
            rota_ignore(rota_checkpoint());
    }
    return 0;
}

/* PITFALL 6 */
TASK_TEST("tasks that suspend in their catch blocks keep their exceptions")
{
    rota_task *tasks[TASKS];
    for (int i = 0; i < TASKS; i++)
        tasks[i] = rota_create_task(catcher, i);
    CHECK_INT(rota_gather(tasks, TASKS, NULL, 0), 0);
}

static ROTA_ASYNC(unwinder)
{
    return unwind_and_suspend(suspend);
}

/* PITFALL 6 */
TASK_TEST("a destructor may suspend while an exception is on its way")
{
    rota_task *t = rota_create_task(unwinder);
    rota_task *u = rota_create_task(unwinder);
    CHECK_INT(rota_await(t), 11); /* its own, and not the other's */
    CHECK_INT(rota_await(u), 11);
}

static ROTA_ASYNC(look)
{
    return handled_now();
}

static int await_look(void)
{
    return rota_await(rota_create_task(look)) == 0 ? 0 : -EIO;
}

/* PITFALL 6 */
TASK_TEST("a task that begins in another's catch block handles nothing")
{
    CHECK_INT(catch_and_suspend(7, await_look), 7);
    CHECK_INT(handled_now(), 0);
}

static void run_throw_out(void)
{
    exit(rota_run(throw_out, NULL, NULL) != 0);
}

/* PITFALL 6 */
TEST("an exception that leaves a task terminates the program, and is told")
{
    char err[4096];
    int status = test_child(run_throw_out, err, sizeof err);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    CHECK_HAS(err, "nobody catches me");
}
