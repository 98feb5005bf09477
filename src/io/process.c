/*
 * A child process: a task of its own starts it, waits for its end and reaps
 * it, whether or not anybody asks. Whoever does waits for a future that this
 * task sets, so any number may, and a cancelled wait leaves the process alone.
 */
#include "io/process.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/misuse.h"
#include "rota/fd.h"
#include "rota/scope.h"
#include "rota/task.h"
#include "rota/thread.h"

static const size_t default_limit = 64 * 1024 * 1024;
static const rota_dur default_grace = 5 * 1000000000LL;

static void unref(rota_process *p)
{
    if (--p->refs > 0)
        return;
    rota_future_unref(p->started);
    rota_future_unref(p->ended);
    rota_future_unref(p->freed);
    buf_fini(&p->outputs[0]);
    buf_fini(&p->outputs[1]);
    free(p);
}

static rota_process *make(const rota_process_options *o)
{
    rota_process *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->refs = 1;
    p->pidfd = -1;
    for (int i = 0; i < 3; i++)
        p->pipe[i] = -1;
    p->flags = o->flags;
    p->limit = o->limit ? o->limit : default_limit;
    p->grace = o->grace ? o->grace : default_grace;
    p->started = rota_future_new();
    p->ended = rota_future_new();
    p->freed = rota_future_new();
    if (p->started && p->ended && p->freed)
        return p;
    unref(p);
    return NULL;
}

static void close_pidfd(rota_process *p)
{
    int pidfd = p->pidfd;
    p->pidfd = -1;
    rota_close(pidfd);
}

/* It has ended, or is about to: its status, and everybody who waits. */
static void reap(rota_process *p)
{
    p->end_error = process_reap(p->pidfd, &p->status, 0);
    close_pidfd(p);
    rota_future_set(p->ended, 0, NULL, NULL);
}

/*
 * The same for the leader of a group, which stays a zombie until the handle
 * goes: so long the number of the group is no other's, whoever is left in it
 * or not, and can be signalled.
 */
static void reap_with_handle(rota_process *p)
{
    int status;
    p->end_error = process_reap(p->pidfd, &p->status, WNOWAIT);
    if (p->end_error < 0) /* somebody else has reaped it */
        close_pidfd(p);
    rota_future_set(p->ended, 0, NULL, NULL);
    if (process_is_over(p))
        return;
    if (rota_future_wait(p->freed, NULL) < 0 &&
        (p->flags & ROTA_PROCESS_KILL_ON_FREE))
        rota_process_signal(p, SIGKILL);
    process_reap(p->pidfd, &status, 0);
    close_pidfd(p);
}

/* Until it has ended: its descriptor can be read then, or -ECANCELED. A
 * process is not given up because memory is short for a moment. */
static int await_end(const rota_process *p)
{
    int rc;
    while ((rc = rota_wait_fd(p->pidfd, POLLIN)) < 0 && rc != -ECANCELED)
        if (rota_sleep(rota_ms(10)) == -ENOMEM)
            rota_ignore(rota_checkpoint());
    return rc;
}

/* It is the program's own child from here on, like any other. */
static void give_up(rota_process *p, int why)
{
    p->end_error = why;
    close_pidfd(p);
    rota_future_set(p->ended, 0, NULL, NULL);
}

static void kill_and_reap(rota_process *p)
{
    int rc = rota_process_signal(p, SIGKILL);
    if (rc == -EPERM) { /* it has become another user's */
        give_up(p, rc);
        return;
    }
    ROTA_SHIELD (ROTA_FOREVER) {
        rota_ignore(await_end(p));
    }
    reap(p);
}

static void watch(rota_process *p)
{
    if (await_end(p) >= 0) {
        if (p->flags & ROTA_PROCESS_GROUP)
            reap_with_handle(p);
        else
            reap(p);
    } else if (p->flags & ROTA_PROCESS_KILL_ON_FREE) {
        kill_and_reap(p);
    } else {
        give_up(p, -ESHUTDOWN); /* the loop ends */
    }
}

/* The whole life of a process. */
static int live(void *arg)
{
    struct launch *l = arg;
    rota_process *p = l->process;
    int rc = rota_to_thread(process_launch, l);
    bool cut = rc == 0 && rota_cancelled();
    if (cut)
        kill_and_reap(p);
    p->start_error = cut ? -ECANCELED : rc;
    rota_future_set(p->started, 0, NULL, NULL); /* `l` is gone from here on */
    if (p->start_error == 0)
        watch(p);
    unref(p);
    return 0;
}

static void close_pipe(rota_process *p, int i)
{
    int fd = p->pipe[i];
    p->pipe[i] = -1;
    if (fd >= 0)
        rota_close(fd);
}

void rota_process_free(rota_process *p)
{
    if (!p)
        return;
    for (int i = 0; i < 3; i++)
        close_pipe(p, i);
    if (p->flags & ROTA_PROCESS_KILL_ON_FREE)
        rota_process_signal(p, SIGKILL);
    rota_future_set(p->freed, 0, NULL, NULL);
    unref(p);
}

/* Waits for the start; a cancelled one is seen through to its end. */
static int await_start(rota_process *p, rota_task *life)
{
    int rc = rota_future_wait(p->started, NULL);
    if (rc == 0)
        return p->start_error;
    rota_task_cancel(life, "the start was cancelled");
    ROTA_SHIELD (ROTA_FOREVER) {
        rota_ignore(rota_future_wait(p->started, NULL));
    }
    if (p->start_error == 0) { /* it began in the same moment */
        rota_process_signal(p, SIGKILL);
        ROTA_SHIELD (ROTA_FOREVER) {
            rota_ignore(rota_future_wait(p->ended, NULL));
        }
    }
    return rc;
}

int rota_process_start(const char *const *argv,
                       const rota_process_options *options,
                       rota_process **process)
{
    static const rota_process_options defaults;
    const rota_process_options *o = options ? options : &defaults;
    if (!rota_current_task())
        return misuse(-EPERM, "a process started outside of a task");
    if (!argv || !argv[0])
        return -EINVAL;
    if (rota_cancelled())
        return rota_checkpoint();
    rota_process *p = make(o);
    if (!p)
        return -ENOMEM;
    struct launch l = { argv, o, p };
    p->refs++;
    rota_task_options eager = { .name = "process", .eager = true };
    rota_task *life = rota_spawn(live, &l, &eager);
    if (!life) {
        p->refs--;
        unref(p);
        return -ENOMEM;
    }
    int rc = await_start(p, life);
    rota_task_unref(life);
    if (rc < 0)
        rota_process_free(p);
    else
        *process = p;
    return rc;
}

int rota_process_shell(const char *command, const rota_process_options *options,
                       rota_process **process)
{
    const char *const argv[] = { "/bin/sh", "-c", command, NULL };
    return rota_process_start(argv, options, process);
}

int rota_process_wait(rota_process *p, int *status)
{
    p->refs++; /* who frees the handle need not wait for us */
    int rc = rota_future_wait(p->ended, NULL);
    if (rc == 0)
        rc = p->end_error;
    if (rc == 0 && status)
        *status = p->status;
    unref(p);
    return rc;
}

int rota_process_signal(rota_process *p, int signal)
{
    if (process_is_over(p))
        return -ESRCH;
    bool group = p->flags & ROTA_PROCESS_GROUP;
    long rc =
        syscall(SYS_pidfd_send_signal, p->pidfd, group ? 0 : signal, NULL, 0);
    /* The number of the group is its own: its leader has been reaped neither
     * by us nor by others. */
    if (rc == 0 && group)
        rc = kill(-p->pid, signal);
    return rc < 0 ? -errno : 0;
}

pid_t rota_process_pid(const rota_process *p)
{
    return p->pid;
}

int rota_process_in(const rota_process *p)
{
    return p->pipe[0];
}

int rota_process_out(const rota_process *p)
{
    return p->pipe[1];
}

int rota_process_err(const rota_process *p)
{
    return p->pipe[2];
}

void rota_process_close_in(rota_process *p)
{
    close_pipe(p, 0);
}

int rota_process_stream(rota_process *p, int number, rota_stream **stream)
{
    if (number < 0 || number > 2)
        return -EINVAL;
    int rc = rota_stream_new(p->pipe[number], stream);
    if (rc == 0)
        p->pipe[number] = -1;
    return rc;
}
