/*
 * The constraints of a field, applied to a value that has its type already.
 */
#ifndef MODEL_VALID_H
#define MODEL_VALID_H

#include <stdbool.h>

#include "rota/arena.h"
#include "rota/model.h"

/* Why a value is refused: a word for programs and a sentence for people. */
struct model_fault {
    const char *type;
    const char *msg;
};

/*
 * Holds a scalar against its field's constraints. 0: it may pass; 1: it may
 * not, `fault` says why (in the arena); -ENOMEM.
 */
int model_valid_scalar(rota_arena *a, const rota_field *f,
                       const rota_type *type, const void *value,
                       struct model_fault *fault);

/* The same for a list of `len` elements: their number and `unique`. */
int model_valid_list(rota_arena *a, const rota_field *f, const rota_type *type,
                     const void *value, struct model_fault *fault);

/* Is the text of this format? An unknown format fits nothing. */
bool model_format_ok(const char *format, rota_str text);

/* Is it a format that model_format_ok knows? */
bool model_format_known(const char *format);

#endif
