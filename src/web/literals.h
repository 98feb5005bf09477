/*
 * A table of whole paths without wildcards. Most requests ask for such a path
 * byte for byte as it was declared; finding it here saves splitting, decoding
 * and walking. What is not found may still be a route: the router decides.
 */
#ifndef WEB_LITERALS_H
#define WEB_LITERALS_H

#include <stdint.h>

#include "rota/arena.h"
#include "rota/str.h"

struct literal {
    rota_str path; /* ptr NULL: the slot is free */
    unsigned methods;
    const void *value;
};

struct literals {
    struct literal *slots; /* a power of two of them, at most half full */
    uint32_t size;
    uint32_t count;
};

/* Adds a path for a set of methods; `path` must live as long as the arena. 0,
 * or -ENOMEM. */
int literals_add(struct literals *t, rota_arena *a, rota_str path,
                 unsigned methods, const void *value);

/* The value of `path` that takes one of `methods`; NULL: there is none. */
const void *literals_find(const struct literals *t, rota_str path,
                          unsigned methods);

#endif
