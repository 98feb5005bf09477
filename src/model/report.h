/*
 * The list of what is wrong with an input. All readers of this room write to
 * one of these; a place says which value is meant, as a chain of frames on
 * the reader's stack that becomes text only when there is an error.
 */
#ifndef MODEL_REPORT_H
#define MODEL_REPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "rota/json.h"

/* One step down: a named member, or an element of a list. */
struct model_place {
    const struct model_place *up; /* NULL: the whole input */
    rota_str name;                /* of the member; ptr NULL: an element */
    size_t index;                 /* of the element */
    bool secret;                  /* its value must not be shown */
};

struct model_report {
    rota_arena *arena;
    rota_errors *errors;    /* where they are told, may be NULL */
    const char *in;         /* of the errors to come */
    const rota_type *whole; /* of the input, NULL: a scalar; where it holds
                               a secret no objects or lists are shown */
    size_t found;           /* errors so far, told or not */
    bool no_memory;         /* to tell one */
};

/*
 * Adds an error. `type` and `msg` must live as long as the arena; `value` is
 * what was given (ptr NULL: nothing) and is copied, cut to size.
 */
void model_report_add(struct model_report *r, const struct model_place *place,
                      const char *type, const char *msg, rota_str value);

/* Replaces all errors by the one of broken JSON, `at` of `text`. */
void model_report_broken(struct model_report *r, rota_str text, const char *at,
                         const char *msg);

/* Does the input hold a secret field, at any depth? */
bool model_report_guarded(const struct model_report *r);

#endif
