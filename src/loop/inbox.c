/*
 * The inbox's two promises. No wake-up is lost: the poster fills the inbox
 * before it looks whether the loop sleeps, the loop says that it sleeps before
 * it looks into the inbox, and all four steps are sequentially consistent, so
 * one of them sees the other. No post is lost: the poster is counted before it
 * looks whether posts are refused, the loop refuses before it looks at the
 * count, so whoever slipped in is waited for.
 *
 * What is written before a look is written by an exchange. A store would do by
 * the language; but emulators of aarch64 (QEMU 7.2, user mode, on x86) let the
 * look overtake it, and no processor runs an exchange slower to speak of.
 */
#include "loop/inbox.h"

#include <errno.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "loop/loop.h"

int inbox_init(struct inbox *in)
{
    *in = (struct inbox){ .wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC) };
    return in->wake_fd < 0 ? -errno : 0;
}

void inbox_fini(struct inbox *in)
{
    close(in->wake_fd);
}

bool inbox_run(struct inbox *in)
{
    if (inbox_empty(in))
        return false;
    struct post *newest = atomic_exchange(&in->newest, NULL);
    struct post *oldest = NULL;
    while (newest) {
        struct post *p = newest;
        newest = p->next;
        p->next = oldest;
        oldest = p;
    }
    while (oldest) {
        struct post *p = oldest;
        oldest = p->next;
        p->run(p);
    }
    return true;
}

bool inbox_doze(struct inbox *in)
{
    atomic_exchange(&in->asleep, true);
    return !atomic_load(&in->newest);
}

void inbox_refuse(struct inbox *in, enum post_rank least)
{
    atomic_exchange(&in->least, least);
    while (atomic_load(&in->posting) > 0)
        sched_yield(); /* it has a few instructions to go */
}

static void push(struct inbox *in, struct post *p)
{
    struct post *head = atomic_load_explicit(&in->newest, memory_order_relaxed);
    do
        p->next = head;
    while (!atomic_compare_exchange_weak(&in->newest, &head, p));
}

/* Of many that post to a sleeping loop one pays for the system call. */
static void wake(struct inbox *in)
{
    if (!atomic_load(&in->asleep) || !atomic_exchange(&in->asleep, false))
        return;
    uint64_t one = 1;
    while (write(in->wake_fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

int loop_try_post(struct loop *l, struct post *p, enum post_rank rank)
{
    struct inbox *in = &l->inbox;
    atomic_fetch_add(&in->posting, 1);
    bool accepted = rank >= atomic_load(&in->least);
    if (accepted) {
        push(in, p);
        wake(in);
    }
    atomic_fetch_sub(&in->posting, 1); /* the loop may be gone from here on */
    return accepted ? 0 : -ESHUTDOWN;
}

void loop_post(struct loop *l, struct post *p)
{
    loop_try_post(l, p, POST_INSIDE);
}
