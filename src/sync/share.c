/*
 * Shares are made before their task waits, so that granting one cannot fail.
 */
#include "sync/share.h"

#include <stdlib.h>

struct share *share_new(void *object, void (*lost)(struct holding *h))
{
    struct share *s = malloc(sizeof *s);
    if (!s)
        return NULL;
    *s = (struct share){ .holding.lost = lost, .object = object };
    list_init(&s->holding.link);
    return s;
}

struct share *share_find(const struct rota_task *t, const void *object,
                         void (*lost)(struct holding *h))
{
    list_each (it, &t->held) {
        struct holding *h = container_of(it, struct holding, link);
        struct share *s = container_of(h, struct share, holding);
        if (h->lost == lost && s->object == object)
            return s;
    }
    return NULL;
}

void share_free(struct share *s)
{
    list_remove(&s->holding.link);
    free(s);
}
