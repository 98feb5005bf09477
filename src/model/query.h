/*
 * Pairs of a query string (application/x-www-form-urlencoded, as the WHATWG
 * URL standard section 5.1 parses it) and of a Cookie header (RFC 6265).
 */
#ifndef MODEL_QUERY_H
#define MODEL_QUERY_H

#include <stdbool.h>

#include "rota/arena.h"
#include "rota/str.h"

/*
 * The next pair of `*rest` whose decoded key is `key`: true, its still
 * encoded value in `value`, and `*rest` behind it. False: no more.
 */
bool query_next(rota_str *rest, rota_str key, rota_str *value);

/* Undoes + and percent-encoding: 0, -EINVAL: a broken escape, -ENOMEM. What
 * holds neither is not copied. */
int query_decode(rota_arena *a, rota_str encoded, rota_str *out);

/* The value of the first cookie of this name, without its quotes. */
bool cookie_find(rota_str header, rota_str name, rota_str *value);

#endif
