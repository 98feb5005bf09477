/*
 * JSON, driven by the tables of rota/model.h: text goes straight into a typed
 * struct and back, without a tree in between. The reader is strict (RFC 8259,
 * and I-JSON, RFC 7493, where that leaves room) and tells everything that is
 * wrong with a document at once.
 */
#ifndef ROTA_JSON_H
#define ROTA_JSON_H

#include <stddef.h>

#include "rota/arena.h"
#include "rota/export.h"
#include "rota/model.h"
#include "rota/str.h"

/* One thing that is wrong with an input. All text lives in the arena. */
typedef struct rota_error {
    const char *in;   /* "body", "path", "query", "header" or "cookie" */
    rota_str loc;     /* which value: ship_to.zip, tags[3]; "": the whole */
    rota_str msg;     /* a sentence: must be greater than 0 */
    const char *type; /* a word for programs: missing, greater_than, ... */
    rota_str value;   /* what was given, at most 100 bytes; empty when
                         nothing was, or when the field is secret */
    size_t line;      /* of broken JSON, from 1; else 0 */
    size_t column;    /* bytes, from 1 */
    size_t offset;    /* bytes from the start of the text */
} rota_error;

/* How many errors of one input are told; the others are only counted. */
#define ROTA_ERRORS_MAX 64

/* All that is wrong with an input. Zeroed before use. */
typedef struct rota_errors {
    rota_error *at;
    size_t len;     /* how many are told, at most ROTA_ERRORS_MAX */
    size_t dropped; /* how many more there were */
} rota_errors;

/* How deep objects and lists may nest. */
#define ROTA_JSON_DEPTH 64

/*
 * Parses and validates `text` as a value of `type` into `out` (type->size
 * bytes, zeroed here). Strings and lists are copied into the arena, so that
 * `text` may go; on failure `out` is not to be used. `errors` may be NULL.
 * A declared member that is given twice is an error; the names of members that
 * nobody declared are not compared.
 *
 * Returns 0; -EBADMSG when the text is not JSON: one error, with line, column
 * and offset; -EINVAL when it is JSON but not valid for the type: all errors
 * are listed; -ENOMEM. Suspends: no.
 */
ROTA_API int rota_json_parse(rota_arena *a, const rota_type *type,
                             rota_str text, void *out,
                             rota_errors *errors) ROTA_MUST;

/*
 * Writes `value` of `type` as JSON into the arena. Required fields are always
 * written, optional ones only when has.x; secret and write-only ones never.
 * `out` is also NUL-terminated.
 *
 * Returns 0; -EINVAL when the value cannot be JSON (a number that is not
 * finite, a string that is not UTF-8, an enum out of range, an opaque type);
 * -ENOMEM. Suspends: no.
 */
ROTA_API int rota_json_dump(rota_arena *a, const rota_type *type,
                            const void *value, rota_str *out) ROTA_MUST;

#endif
