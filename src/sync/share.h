/*
 * A share: what one task has of an object that several may have at once. It
 * is found through the task that has it, so the object needs no table.
 */
#ifndef SYNC_SHARE_H
#define SYNC_SHARE_H

#include "task/task.h"

struct share {
    struct holding holding; /* among those of its task */
    void *object;
};

/* One that nobody has yet; `lost` tells the kind of object. NULL: no memory.
 * It is freed by its owner. */
struct share *share_new(void *object, void (*lost)(struct holding *h));

/* What `t` has of `object`; NULL: nothing. */
struct share *share_find(const struct rota_task *t, const void *object,
                         void (*lost)(struct holding *h));

/* From now on `t` has it. */
static inline void share_give(struct share *s, struct rota_task *t)
{
    list_push(&t->held, &s->holding.link);
}

/* Takes it from its task and frees it. */
void share_free(struct share *s);

#endif
