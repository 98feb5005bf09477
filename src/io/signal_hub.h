/*
 * The hub: who is told of a signal the moment the loop sees it.
 */
#ifndef IO_SIGNAL_HUB_H
#define IO_SIGNAL_HUB_H

#include <signal.h>

#include "base/list.h"

/* Told of the signals of `set`, on the loop's stack. */
struct signal_listener {
    struct list link;
    sigset_t set;
    void (*fn)(struct signal_listener *l, int number);
};

/* Adds a listener, fn and set of which are set: 0 or as rota_signals_open;
 * -EBUSY: a handle of rota_signals_open has one of them. */
int signal_listen(struct signal_listener *l);

/* It is told no more; signals nobody listens to are given back. Harmless when
 * it does not listen. */
void signal_unlisten(struct signal_listener *l);

#endif
