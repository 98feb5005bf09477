/*
 * Numbers as JSON writes them, read without loss: the scanner checks the
 * grammar (RFC 8259 section 6) and keeps the digits, and only then is the
 * token made an integer or a double, each exactly. Independent of the locale.
 */
#ifndef MODEL_NUMBER_H
#define MODEL_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rota/arena.h"
#include "rota/str.h"

struct json_number {
    rota_str text;     /* the token */
    uint64_t mantissa; /* its first 19 significant digits */
    int64_t exponent;  /* value = mantissa * 10^exponent, when exact */
    int64_t power;     /* what stands behind the e */
    bool negative;
    bool exact; /* the mantissa holds all digits */
};

/* Scans the number at `p`; where it ends, or NULL when it is none. */
const char *json_number_scan(const char *p, const char *end,
                             struct json_number *n);

/*
 * Its magnitude as an integer: 0, -EDOM when it is not whole, -ERANGE above
 * 2^64 - 1. 5.0 and 1e2 are whole.
 */
int json_number_integer(const struct json_number *n, uint64_t *magnitude);

/* The nearest double: 0, -ERANGE when it is not finite, -ENOMEM. */
int json_number_double(rota_arena *a, const struct json_number *n,
                       double *value);

/* No number that is written takes more bytes. */
enum { JSON_NUMBER_MAX = 32 };

/* Write a number at `to`; where it ends. */
char *json_put_u64(char *to, uint64_t value);
char *json_put_i64(char *to, int64_t value);

/* The shortest form that reads back as `value`, which is finite. */
char *json_put_double(char *to, double value);

/* Powers of ten for json_put_double. */
enum { JSON_POW10_MIN = -292, JSON_POW10_MAX = 324 };
extern const uint64_t json_pow10[JSON_POW10_MAX - JSON_POW10_MIN + 1][2];

#endif
