/*
 * The parameters of a request, gathered from its path, query string, headers,
 * cookies and body into one struct of ROTA_PARAMS.
 */
#ifndef MODEL_PARAMS_H
#define MODEL_PARAMS_H

#include <stdbool.h>
#include <stddef.h>

#include "model/report.h"
#include "rota/json.h"

/* A path parameter, already percent-decoded. */
struct params_pair {
    rota_str name;
    rota_str value;
};

/* Where the values come from. All text need only live during the call. */
struct params_source {
    const struct params_pair *path;
    size_t path_len;
    rota_str query; /* as on the wire, without the ? */
    /* The value of a header: `name` is in the case of its declaration and is
     * to be found in any case; fields of one name joined, cookies by "; ".
     * 1; 0: it was not sent; -ENOMEM. NULL: there are no headers. */
    int (*header)(void *request, rota_str name, rota_str *value);
    void *request;
    bool has_body;     /* there is one, maybe of no bytes */
    bool body_is_json; /* by its Content-Type */
    rota_str body;
};

/*
 * Fills `out` (type->size bytes, zeroed here) of a ROTA_PARAMS type, or of
 * None; nothing in it points into `src`. Every value is validated and all
 * errors of all sources are in one list; `errors` may be NULL.
 *
 * 0; -EBADMSG: the body is not JSON (its one error replaces all others);
 * -EINVAL: not valid; -ENOMEM. Suspends: no.
 */
int params_parse(rota_arena *a, const rota_type *type,
                 const struct params_source *src, void *out,
                 rota_errors *errors) ROTA_INTERNAL(params_parse);

#endif
