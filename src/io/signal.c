/*
 * Signals through a signalfd. A signal is taken from the kernel only in the
 * moment a task returns with it; until then it is pending, which is why
 * nothing is lost when the handle is closed.
 */
#include "rota/signal.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/misuse.h"
#include "io/wait.h"

struct rota_signals {
    int fd;
    sigset_t set;
    sigset_t blocked; /* by us: those of the set that were not before */
};

/* The signals that handles of this thread collect. Not inlined: the address
 * must not be kept over a switch. */
__attribute__((noinline)) static sigset_t *collected(void)
{
    static _Thread_local sigset_t set; /* zeroed memory is the empty set */
    return &set;
}

/* Those that cannot be blocked, or that must not be: a crash while it is
 * blocked kills without a word. */
static bool has_forbidden(const sigset_t *set)
{
    static const int forbidden[] = { SIGKILL, SIGSTOP, SIGSEGV,
                                     SIGBUS,  SIGFPE,  SIGILL };
    for (size_t i = 0; i < sizeof forbidden / sizeof *forbidden; i++)
        if (sigismember(set, forbidden[i]))
            return true;
    return false;
}

static int open_fd(struct rota_signals *s)
{
    s->fd = signalfd(-1, &s->set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (s->fd < 0)
        return -errno;
    sigset_t before;
    pthread_sigmask(SIG_BLOCK, &s->set, &before);
    sigemptyset(&s->blocked);
    for (int i = 1; i <= SIGRTMAX; i++)
        if (sigismember(&s->set, i) == 1 && sigismember(&before, i) == 0)
            sigaddset(&s->blocked, i);
    return 0;
}

int rota_signals_open(const sigset_t *set, rota_signals **signals)
{
    if (!loop_current())
        return misuse(-EPERM, "rota_signals_open on a thread without a loop");
    sigset_t both;
    sigandset(&both, set, collected());
    if (sigisemptyset(set) || has_forbidden(set))
        return -EINVAL;
    if (!sigisemptyset(&both))
        return -EBUSY;
    struct rota_signals *s = malloc(sizeof *s);
    if (!s)
        return -ENOMEM;
    s->set = *set;
    int rc = open_fd(s);
    if (rc < 0) {
        free(s);
        return rc;
    }
    sigorset(collected(), collected(), set);
    *signals = s;
    return 0;
}

/* The next pending signal, or -EAGAIN. */
static int take(int fd)
{
    struct signalfd_siginfo info;
    ssize_t n;
    do
        n = read(fd, &info, sizeof info);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : (int)info.ssi_signo;
}

int rota_signal_next(rota_signals *s)
{
    struct io_call c;
    int rc = io_begin(&c, s->fd);
    if (rc < 0)
        return rc;
    int number = take(s->fd);
    while (number == -EAGAIN) {
        rc = io_await_events(&c, POLLIN);
        number = rc < 0 ? rc : take(s->fd);
    }
    return io_end(&c, number);
}

void rota_signals_close(rota_signals *s)
{
    struct rota_task *t = task_current();
    if (!s)
        return;
    if (!t) {
        rota_ignore(misuse(-EPERM, "rota_signals_close outside of a task"));
        return;
    }
    rota_ignore(io_close(t, s->fd));
    for (int i = 1; i <= SIGRTMAX; i++)
        if (sigismember(&s->set, i) == 1)
            sigdelset(collected(), i);
    pthread_sigmask(SIG_UNBLOCK, &s->blocked, NULL);
    free(s);
}
