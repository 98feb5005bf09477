/*
 * Taking signals: from being delivered to this thread, to being read from a
 * descriptor.
 */
#ifndef IO_SIGNAL_TAKE_H
#define IO_SIGNAL_TAKE_H

#include <signal.h>
#include <stdbool.h>

struct signal_taken {
    int fd; /* a signalfd; -1: none */
    sigset_t set;
    sigset_t blocked; /* by us: those of the set that were not before */
};

/* Not sigisemptyset: glibc's overlooks the real-time signals. */
bool signal_none(const sigset_t *set);

/* Removes those of `set` from `from`. */
void signal_remove(sigset_t *from, const sigset_t *set);

/* 0: they may be taken; -EINVAL: it is empty, or has one that cannot be waited
 * for; -EBUSY: somebody on this thread has taken one. */
int signal_may_take(const sigset_t *set);

/* Takes the signals of `set`, which may be taken, besides those `s` has: 0,
 * -EMFILE, ... Set s->fd to -1 and the sets empty before the first. */
int signal_take(struct signal_taken *s, const sigset_t *set);

/* Gives those of `set` (NULL: all) back: pending ones act as they would without us. The
 * descriptor stays open. */
void signal_give_back(struct signal_taken *s, const sigset_t *set);

/* In a child made by fork, on the thread that forked: none are taken. */
void signal_forget_taken(void);

/* The next pending signal, or -EAGAIN. */
int signal_read(int fd);

#endif
