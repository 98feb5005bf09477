/*
 * SIGINT while rota_run runs. This one signal has a handler, all others are
 * read from a descriptor (io/signal.c): a program that computes and never
 * waits must still be ended by the second one, hence the handler gives the
 * signal back to the system at once, and only then tells the loop.
 *
 * A process has one disposition, so the first runtime takes it; a program
 * that handles or ignores SIGINT itself is left alone.
 */
#include "task/sigint.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>

#include "base/misuse.h"
#include "task/runtime.h"
#include "task/task.h"

static _Atomic(struct runtime *) owner;
static atomic_int handling; /* threads that are in the handler */

static void set_default(void)
{
    struct sigaction a = { .sa_handler = SIG_DFL };
    sigaction(SIGINT, &a, NULL);
}

/* Async-signal-safe: atomics, sigaction, write. */
static void on_sigint(int sig)
{
    int saved_errno = errno;
    atomic_fetch_add(&handling, 1);
    set_default();
    struct runtime *rt = atomic_exchange(&owner, NULL);
    if (rt && !atomic_load(&misuse_stale)) {
        atomic_store(&rt->sigint.came, true);
        loop_post(&rt->loop, &rt->sigint.post);
    } else {
        raise(sig); /* the second one, or in a child: acts on our return */
    }
    atomic_fetch_sub(&handling, 1);
    errno = saved_errno;
}

static void interrupted(struct post *p)
{
    struct sigint *s = container_of(p, struct sigint, post);
    struct runtime *rt = container_of(s, struct runtime, sigint);
    s->hit = rt->main && rota_task_cancel(rt->main, "SIGINT") == 1;
}

void sigint_take(struct runtime *rt)
{
    struct sigint *s = &rt->sigint;
    struct runtime *nobody = NULL;
    s->post.run = interrupted;
    if (rt->options.keep_sigint || sigaction(SIGINT, NULL, &s->before) < 0 ||
        (s->before.sa_flags & SA_SIGINFO) || s->before.sa_handler != SIG_DFL ||
        !atomic_compare_exchange_strong(&owner, &nobody, rt))
        return;
    struct sigaction a = { .sa_handler = on_sigint, .sa_flags = SA_RESTART };
    s->ours = sigaction(SIGINT, &a, NULL) == 0;
}

/* The handler, where the program has not set another since. */
static void restore(const struct sigint *s)
{
    struct sigaction now;
    if (sigaction(SIGINT, NULL, &now) == 0 && !(now.sa_flags & SA_SIGINFO) &&
        now.sa_handler == on_sigint)
        sigaction(SIGINT, &s->before, NULL);
}

bool sigint_give_back(struct runtime *rt)
{
    struct sigint *s = &rt->sigint;
    struct runtime *me = rt;
    if (!s->ours)
        return false;
    restore(s);
    atomic_compare_exchange_strong(&owner, &me, NULL);
    while (atomic_load(&handling) > 0)
        sched_yield(); /* another thread is about to post to our loop */
    return atomic_load(&s->came) && !s->hit;
}
