/*
 * The dump of all tasks by the process itself. It reads its own memory as a
 * stranger would (inspect.h), so that it may be called from a signal handler
 * that interrupted anything, and while other threads go on.
 */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "inspect/describe.h"
#include "inspect/inspect.h"
#include "rota/debug.h"
#include "task/runtime.h"
#include "task/task.h"

struct dump {
    struct inspect in;
    struct peek peek;
    struct symbols symbols;
    struct text text;
    rota_time now;
    const struct rota_task *me; /* of whom `here` is */
    struct trace here;          /* where this thread is */
};

static int dump_task(const struct inspect_task *t, void *arg)
{
    struct dump *d = arg;
    struct trace trace;
    describe_task(&d->text, &d->in, t, d->now);
    if (t->address == (uintptr_t)d->me) {
        describe_trace(&d->text, &d->symbols, &d->here, true);
        return 0;
    }
    inspect_trace(&d->in, t, &trace);
    describe_trace(&d->text, &d->symbols, &trace, false);
    return 0;
}

static int dump_loop(struct dump *d, const struct inspect_loop *l)
{
    describe_loop(&d->text, l);
    text_add(&d->text, "\n");
    int rc = inspect_tasks(&d->in, l, dump_task, d);
    if (rc < 0)
        text_add(&d->text, "(the list changed while it was read)\n");
    return rc;
}

/* Its parts are static to spare the stack, which may be a signal's: one dump
 * at a time. */
static int dump_all(int fd, const struct trace *here)
{
    static atomic_flag taken = ATOMIC_FLAG_INIT;
    static struct dump d;
    if (atomic_flag_test_and_set(&taken))
        return -EBUSY;
    inspect_self(&d.in, &d.peek);
    symbols_init(&d.symbols, &d.peek);
    text_init(&d.text, fd);
    d.now = rota_now();
    d.me = task_current();
    d.here = *here;
    text_add(&d.text, "rota: the tasks of process ");
    text_add_number(&d.text, (uint64_t)getpid());
    text_add(&d.text, "\n");
    struct inspect_loop l;
    uint64_t at;
    int rc = inspect_first(&d.in, &at);
    for (; rc == 0 && at; at = l.next) {
        rc = inspect_loop(&d.in, at, &l);
        if (rc == 0)
            rc = dump_loop(&d, &l);
    }
    text_flush(&d.text);
    symbols_fini(&d.symbols);
    atomic_flag_clear(&taken);
    return rc;
}

int rota_dump(int fd)
{
    int saved_errno = errno;
    struct peek self;
    struct trace here;
    peek_process(&self, getpid());
    trace_from(&here, &self, (uintptr_t)__builtin_return_address(0),
               *(uintptr_t *)__builtin_frame_address(0));
    int rc = dump_all(fd, &here);
    errno = saved_errno;
    return rc;
}

static void on_signal(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)info;
    int saved_errno = errno;
    struct peek self;
    struct trace here;
    peek_process(&self, getpid());
    trace_context(&here, &self, context);
    dump_all(STDERR_FILENO, &here);
    errno = saved_errno;
}

int rota_dump_on_signal(int signal)
{
    struct sigaction a = { .sa_sigaction = on_signal,
                           .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART };
    sigfillset(&a.sa_mask);
    return sigaction(signal, &a, NULL) < 0 ? -errno : 0;
}
