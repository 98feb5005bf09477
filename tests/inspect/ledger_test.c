/*
 * The ledger: nothing is left when all was given back, and what was not is
 * counted, and named in debug mode.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#include "loop/op.h"
#include "task/task.h"
#include "task/tasks.h"

static char lines[4096];

static void keep_line(enum rota_log_level level, const char *line)
{
    (void)level;
    if (strstr(line, "io_uring is not available"))
        return; /* a fact of the machine */
    strncat(lines, line, sizeof lines - strlen(lines) - 2);
    strcat(lines, "\n");
}

static rota_ledger run_debug(rota_fn *fn)
{
    rota_run_options o = { .debug = true };
    rota_ledger l;
    rota_set_log_handler(keep_line);
    CHECK_INT(rota_run(fn, NULL, &o), 0);
    rota_ledger_get(&l);
    return l;
}

static bool empty(const rota_ledger *l)
{
    static const rota_ledger nothing;
    return memcmp(l, &nothing, sizeof nothing) == 0;
}

static int tidy(void *arg)
{
    (void)arg;
    int fds[2];
    CHECK_INT(pipe(fds), 0);
    rota_task *t = rota_create_task(give_after, rota_ms(1), 7);
    rota_ledger l;
    CHECK_INT(rota_await(t), 7);
    t = rota_create_task(sleep_long);
    CHECK_INT(rota_sleep(0), 0);
    rota_ledger_get(&l);
    CHECK_INT(l.tasks, 2);
    CHECK_INT(l.stacks, 2);
    CHECK_INT(l.timers, 1); /* the sleep's, and none of the one that is over */
    CHECK_INT(l.fds > 2, 1);
    rota_task_cancel(t, NULL);
    rota_task_unref(t);
    close(fds[0]);
    close(fds[1]);
    return 0;
}

TEST("a loop that gave all back has an empty ledger, and says nothing")
{
    rota_ledger l = run_debug(tidy);
    CHECK(empty(&l));
    CHECK_STR(lines, "");
}

static rota_task *held;

static int hold(void *arg)
{
    (void)arg;
    held = rota_create_task(nothing);
    return 0;
}

TEST("a handle that was not dropped is named, with its spawn site")
{
    rota_ledger l = run_debug(hold);
    CHECK_INT(l.handles, 1);
    CHECK_HAS(lines, "leak: handle of task nothing (spawned at "
                     "tests/inspect/ledger_test.c:");
    rota_task_unref(held); /* and may still be */
}

static int open_one(void *arg)
{
    (void)arg;
    return open("/dev/null", O_RDONLY) >= 0 ? 0 : -1;
}

TEST("a descriptor that was not closed is named")
{
    rota_ledger l = run_debug(open_one);
    CHECK_INT(l.fds, 1);
    CHECK_HAS(lines, "leak: descriptor ");
    CHECK_HAS(lines, "(/dev/null)");
}

static struct timer forgotten_timer;

static void never(struct timer *t)
{
    (void)t;
}

static int leave_timer(void *arg)
{
    (void)arg;
    forgotten_timer.fire = never;
    return timer_arm(&task_loop(task_current())->timers, &forgotten_timer,
                     rota_now() + LONG);
}

TEST("a timer that is still armed is counted")
{
    rota_ledger l = run_debug(leave_timer);
    CHECK_INT(l.timers, 1);
    CHECK_HAS(lines, "leak: 1 timers");
}

static struct op forgotten_op;
static int ends[2];

static void told(struct op *op)
{
    (void)op;
}

static int leave_op(void *arg)
{
    (void)arg;
    CHECK_INT(pipe2(ends, O_NONBLOCK), 0);
    forgotten_op = (struct op){
        .kind = OP_POLL, .fd = ends[0], .events = 1, .done = told
    };
    return op_submit(task_loop(task_current()), &forgotten_op);
}

TEST("an operation the kernel still has is named")
{
    rota_ledger l = run_debug(leave_op);
    CHECK_INT(l.ops, 1);
    CHECK_INT(l.fds, 2);
    CHECK_HAS(lines, "leak: operation wait on descriptor ");
}

static int leave_vectors(void *arg)
{
    (void)arg;
    static char room[8];
    static struct iovec one = { room, sizeof room };
    CHECK_INT(pipe2(ends, O_NONBLOCK), 0);
    forgotten_op = (struct op){
        .kind = OP_READV, .fd = ends[0], .data = &one, .size = 1, .done = told
    };
    return op_submit(task_loop(task_current()), &forgotten_op);
}

TEST("an operation on several pieces of memory is named too")
{
    rota_ledger l = run_debug(leave_vectors);
    CHECK_INT(l.ops, 1);
    CHECK_HAS(lines, "leak: operation read on descriptor ");
}

static int make_root(void *arg)
{
    (void)arg;
    return rota_mkdir("/", 0700) == -EEXIST ? 0 : -EIO;
}

static int use_file(void *arg)
{
    (void)arg;
    rota_task_options eager = { .eager = true };
    rota_ledger l;
    rota_task *t = rota_spawn(make_root, NULL, &eager);
    rota_ledger_get(&l);
    CHECK_INT(l.ops, strcmp(rota_backend_name(), "uring") == 0);
    CHECK_INT(rota_await(t), 0);
    rota_ledger_get(&l);
    CHECK_INT(l.ops, 0);
    return 0;
}

TEST("a file's operation counts where the kernel does it by itself")
{
    test_needs_kernel();
    CHECK_INT(run_debug(use_file).ops, 0);
}

TEST("ROTA_DEBUG=1 is debug mode, ROTA_DEBUG=0 is not")
{
    rota_ledger l;
    rota_set_log_handler(keep_line);
    setenv("ROTA_DEBUG", "0", 1);
    CHECK_INT(rota_run(hold, NULL, NULL), 0);
    rota_ledger_get(&l);
    CHECK_INT(l.handles, 0);
    rota_task_unref(held);
    setenv("ROTA_DEBUG", "1", 1);
    CHECK_INT(rota_run(hold, NULL, NULL), 0);
    rota_ledger_get(&l);
    CHECK_INT(l.handles, 1);
    rota_task_unref(held);
}
