/*
 * Memory of ended things of one kind, kept for the next of them: a program
 * that makes one has mostly seen one end. A loop's own, and not locked.
 */
#ifndef TASK_SPARES_H
#define TASK_SPARES_H

#include <stdlib.h>

#include "coro/sanitize.h"

/* None where somebody looks for memory that is used after it was freed. */
enum { SPARES_MOST = SANITIZE_WATCHES_HEAP ? 0 : 64 };

struct spares {
    struct spare *first;
    unsigned count;
};

/* What lies in that memory meanwhile. */
struct spare {
    struct spare *next;
};

/* One of them, as it was put but for its first word; NULL: there is none, and
 * a new one is to be made by malloc. */
static inline void *spares_get(struct spares *s)
{
    struct spare *first = s->first;
    if (first) {
        s->first = first->next;
        s->count--;
    }
    return first;
}

/* As free. */
static inline void spares_put(struct spares *s, void *memory)
{
    if (s->count == SPARES_MOST) {
        free(memory);
        return;
    }
    struct spare *first = memory;
    first->next = s->first;
    s->first = first;
    s->count++;
}

/* Frees them all. */
static inline void spares_fini(struct spares *s)
{
    for (struct spare *it; (it = s->first) != NULL; free(it))
        s->first = it->next;
    s->count = 0;
}

#endif
