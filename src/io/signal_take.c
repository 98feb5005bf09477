/*
 * The signals this thread has taken. They are blocked in it, and stay pending
 * in the kernel until they are read; so none is lost when they are given back
 * unread.
 */
#include "io/signal_take.h"

#include <errno.h>
#include <pthread.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* All that were taken on this thread. Not inlined: the address must not be
 * kept over a switch. */
__attribute__((noinline)) static sigset_t *taken(void)
{
    static _Thread_local sigset_t set; /* zeroed memory is the empty set */
    return &set;
}

bool signal_none(const sigset_t *set)
{
    for (int i = 1; i <= SIGRTMAX; i++)
        if (sigismember(set, i) == 1)
            return false;
    return true;
}

void signal_remove(sigset_t *from, const sigset_t *set)
{
    for (int i = 1; i <= SIGRTMAX; i++)
        if (sigismember(set, i) == 1)
            sigdelset(from, i);
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

int signal_may_take(const sigset_t *set)
{
    sigset_t both;
    sigandset(&both, set, taken());
    if (signal_none(set) || has_forbidden(set))
        return -EINVAL;
    return signal_none(&both) ? 0 : -EBUSY;
}

int signal_take(struct signal_taken *s, const sigset_t *set)
{
    sigset_t all, before, blocked = *set;
    sigorset(&all, &s->set, set);
    int fd = signalfd(s->fd, &all, SFD_NONBLOCK | SFD_CLOEXEC);
    if (fd < 0)
        return -errno;
    s->fd = fd;
    s->set = all;
    pthread_sigmask(SIG_BLOCK, set, &before);
    signal_remove(&blocked, &before);
    sigorset(&s->blocked, &s->blocked, &blocked);
    sigorset(taken(), taken(), set);
    return 0;
}

void signal_give_back(struct signal_taken *s, const sigset_t *set)
{
    sigset_t those = set ? *set : s->set, unblock;
    sigandset(&unblock, &those, &s->blocked);
    signal_remove(&s->set, &those);
    signal_remove(&s->blocked, &those);
    signal_remove(taken(), &those);
    if (s->fd >= 0)
        signalfd(s->fd, &s->set, 0);
    pthread_sigmask(SIG_UNBLOCK, &unblock, NULL);
}

void signal_forget_taken(void)
{
    sigemptyset(taken());
}

int signal_read(int fd)
{
    struct signalfd_siginfo info;
    ssize_t n;
    do
        n = read(fd, &info, sizeof info);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : (int)info.ssi_signo;
}
