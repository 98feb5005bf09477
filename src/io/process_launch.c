/*
 * Launching a process. The child shares our memory until it executes, as with
 * vfork(2), so nothing is copied, however large we are; but it gets a stack of
 * its own, and a descriptor for it (pidfd) in the same call. In between it may
 * do little more than system calls, and those directly: what the C library
 * keeps of signal handlers is ours. Why it failed to execute comes back
 * through a pipe that closes by itself when it did not fail.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "coro/sanitize.h"
#include "io/process.h"

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

enum {
    CHILD_STACK = 64 * 1024, /* besides a pointer for each argument */
    ALIGNMENT = 16,          /* of a stack's top */
    SIGNALS = 64,            /* of the kernel: all of them */
    SIGSET_BYTES = 8,        /* of the kernel: a bit for each */
    STANDARD = 3,            /* descriptors 0, 1, 2 */
};

/* Code of the child runs on a stack no sanitizer knows, in our memory. */
#if defined(__clang__)
#define IN_CHILD __attribute__((no_sanitize("address", "thread", "undefined")))
#else
#define IN_CHILD                                            \
    __attribute__((no_sanitize_address, no_sanitize_thread, \
                   no_sanitize_undefined))
#endif

struct child {
    const char *program;
    const char *const *argv;
    const char *const *env;
    const char *cwd;
    int from[STANDARD]; /* what becomes 0, 1, 2; -1: stays as it is */
    bool leads;         /* a group of its own */
    int report;         /* the pipe's end for the error */
};

/* What the kernel takes; zero is the default action. */
struct kernel_sigaction {
    void *handler;
    unsigned long flags;
    void *restorer;
    uint64_t mask;
};

IN_CHILD static void reset_signals(void)
{
    struct kernel_sigaction by_default = { 0 };
    for (int i = 1; i <= SIGNALS; i++)
        syscall(SYS_rt_sigaction, i, &by_default, NULL, SIGSET_BYTES);
    uint64_t none = 0;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, SIGSET_BYTES);
}

/* All that are to be copied are moved out of the way first, so that none is
 * overwritten before its turn. */
IN_CHILD static int place_standard(const int *from)
{
    int moved[STANDARD];
    for (int i = 0; i < STANDARD; i++) {
        moved[i] = from[i];
        if (from[i] >= 0 && from[i] < STANDARD)
            moved[i] = fcntl(from[i], F_DUPFD_CLOEXEC, STANDARD);
        if (from[i] >= 0 && moved[i] < 0)
            return -errno;
    }
    for (int i = 0; i < STANDARD; i++)
        if (moved[i] >= 0 && dup2(moved[i], i) < 0)
            return -errno;
    return 0;
}

IN_CHILD static int prepare(const struct child *c)
{
    reset_signals();
    if (c->leads && setpgid(0, 0) < 0)
        return -errno;
    if (c->cwd && chdir(c->cwd) < 0)
        return -errno;
    int rc = place_standard(c->from);
    if (rc == 0) /* also what others left inheritable */
        syscall(SYS_close_range, STANDARD, ~0U, CLOSE_RANGE_CLOEXEC);
    return rc;
}

IN_CHILD static int child_main(void *arg)
{
    const struct child *c = arg;
    int rc = prepare(c);
    if (rc == 0) {
        char *const *argv = (char *const *)c->argv;
        execvpe(c->program, argv,
                c->env ? (char *const *)c->env : (char *const *)environ);
        rc = -errno;
    }
    while (write(c->report, &rc, sizeof rc) < 0 && errno == EINTR)
        ;
    _exit(127);
}

/* TSan takes every clone(2) for a fork: its own memory must not be shared. */
#ifdef SANITIZE_THREAD
enum { SHARING = 0 };
#else
enum { SHARING = CLONE_VM | CLONE_VFORK };
#endif

/* The C library makes a list of the arguments on the stack, when the program
 * turns out to be a script for the shell: execvpe(3). */
static size_t stack_size(const struct child *c)
{
    size_t count = 0;
    while (c->argv[count])
        count++;
    return CHILD_STACK + (count * sizeof *c->argv & ~(size_t)(ALIGNMENT - 1));
}

/* The process and its pidfd; a negative errno. */
static pid_t begin(struct child *c, int *pidfd)
{
    size_t size = stack_size(c);
    char *stack = malloc(size);
    if (!stack)
        return -ENOMEM;
    *pidfd = -1;
    pid_t pid = clone(child_main, stack + size, SHARING | CLONE_PIDFD | SIGCHLD,
                      c, pidfd);
    int error = errno;
    free(stack);
    return pid < 0 ? -error : pid;
}

int process_reap(int pidfd, int *status, int flags)
{
    siginfo_t info = { 0 };
    int rc;
    do
        rc = waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | flags);
    while (rc < 0 && errno == EINTR);
    if (rc < 0)
        return -errno;
    bool exited = info.si_code == CLD_EXITED;
    *status =
        W_EXITCODE(exited ? info.si_status : 0, exited ? 0 : info.si_status);
    if (info.si_code == CLD_DUMPED)
        *status |= WCOREFLAG;
    return 0;
}

/* Why it did not execute; 0: it did. It is reaped then. */
static int outcome(int report, int pidfd)
{
    int error = 0, status;
    ssize_t n;
    do
        n = read(report, &error, sizeof error);
    while (n < 0 && errno == EINTR);
    if (n != sizeof error)
        return 0;
    process_reap(pidfd, &status, 0);
    close(pidfd);
    return error;
}

/* Both ends of what stands for descriptor `i`: *child is the one it gets. */
static int open_standard(struct launch *l, int i, int want, int *child)
{
    int ends[2];
    if (want >= 0) {
        *child = want > 0 ? want : -1;
        return 0;
    }
    if (want == ROTA_PROCESS_NULL) {
        *child = open("/dev/null", O_RDWR | O_CLOEXEC);
        return *child < 0 ? -errno : 0;
    }
    if (want != ROTA_PROCESS_PIPE)
        return -EINVAL;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    int mine = ends[i == 0];
    *child = ends[i != 0];
    l->process->pipe[i] = mine;
    return fcntl(mine, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

static bool is_borrowed(int want)
{
    return want >= 0 || want == ROTA_PROCESS_STDOUT;
}

/* Ours are closed in any case, the process' own when it has not begun. */
static void close_ends(struct launch *l, const int *want, const int *from,
                       bool failed)
{
    for (int i = 0; i < STANDARD; i++) {
        if (!is_borrowed(want[i]) && from[i] >= 0)
            close(from[i]);
        if (failed && l->process->pipe[i] >= 0)
            close(l->process->pipe[i]);
        if (failed)
            l->process->pipe[i] = -1;
    }
}

static int open_all(struct launch *l, const int *want, int *from)
{
    int rc = 0;
    for (int i = 0; i < STANDARD && rc == 0; i++) {
        if (i == 2 && want[i] == ROTA_PROCESS_STDOUT)
            from[i] = from[1] >= 0 ? from[1] : STDOUT_FILENO;
        else
            rc = open_standard(l, i, want[i], &from[i]);
    }
    return rc;
}

/* A pipe. The child's end is none of what it makes its standard descriptors
 * of, although those may be free here. */
static int open_report(int report[2])
{
    if (pipe2(report, O_CLOEXEC) < 0)
        return -errno;
    if (report[1] >= STANDARD)
        return 0;
    int low = report[1], rc = 0;
    report[1] = fcntl(low, F_DUPFD_CLOEXEC, STANDARD);
    if (report[1] < 0) {
        rc = -errno;
        close(report[0]);
    }
    close(low);
    return rc;
}

static int launch(struct launch *l, struct child *c)
{
    int report[2], opened = open_report(report);
    if (opened < 0)
        return opened;
    c->report = report[1];
    int pidfd;
    pid_t pid = begin(c, &pidfd);
    close(report[1]);
    int rc = pid < 0 ? pid : outcome(report[0], pidfd);
    close(report[0]);
    if (rc < 0)
        return rc;
    l->process->pid = pid;
    l->process->pidfd = pidfd;
    return 0;
}

int process_launch(void *arg)
{
    struct launch *l = arg;
    const rota_process_options *o = l->options;
    const int want[STANDARD] = { o->in, o->out, o->err };
    struct child c = {
        .program = o->program ? o->program : l->argv[0],
        .argv = l->argv,
        .env = o->env,
        .cwd = o->cwd,
        .from = { -1, -1, -1 },
        .leads = (o->flags & ROTA_PROCESS_GROUP) != 0,
    };
    int rc = open_all(l, want, c.from);
    if (rc == 0)
        rc = launch(l, &c);
    close_ends(l, want, c.from, rc < 0);
    return rc;
}
