/*
 * Constraints. A field that has none costs a few loads; limits of integers
 * are compared as integers, never by way of a double, so that they are exact
 * at both ends of 64 bits.
 */
#include "model/valid.h"

#include <errno.h>
#include <string.h>

#include "model/number.h"
#include "model/pattern.h"
#include "model/utf8.h"

/* 2^63 and 2^64: the first doubles beyond int64_t and uint64_t. */
#define TWO_63 9223372036854775808.0
#define TWO_64 18446744073709551616.0

/* All of these: below zero, zero or above, as a is less, equal or greater. */
static int compare_i64_f64(int64_t a, double b)
{
    if (b >= TWO_63)
        return -1;
    if (b < -TWO_63)
        return 1;
    int64_t whole = (int64_t)b;
    if (a != whole)
        return a < whole ? -1 : 1;
    double rest = b - (double)whole;
    return rest > 0 ? -1 : rest < 0;
}

static int compare_u64_f64(uint64_t a, double b)
{
    if (b >= TWO_64)
        return -1;
    if (b < 0)
        return 1;
    uint64_t whole = (uint64_t)b;
    if (a != whole)
        return a < whole ? -1 : 1;
    return b > (double)whole ? -1 : 0;
}

static int compare_i64(int64_t a, const rota_limit *limit)
{
    if (limit->kind == ROTA_LIMIT_F64)
        return compare_i64_f64(a, limit->f64);
    if (limit->kind == ROTA_LIMIT_UINT)
        return a < 0 || (uint64_t)a < limit->bits ? -1
                                                  : (uint64_t)a > limit->bits;
    int64_t b = (int64_t)limit->bits;
    return a < b ? -1 : a > b;
}

static int compare_u64(uint64_t a, const rota_limit *limit)
{
    if (limit->kind == ROTA_LIMIT_F64)
        return compare_u64_f64(a, limit->f64);
    if (limit->kind == ROTA_LIMIT_INT && (int64_t)limit->bits < 0)
        return 1;
    return a < limit->bits ? -1 : a > limit->bits;
}

static int compare_f64(double a, const rota_limit *limit)
{
    if (limit->kind == ROTA_LIMIT_INT)
        return -compare_i64_f64((int64_t)limit->bits, a);
    if (limit->kind == ROTA_LIMIT_UINT)
        return -compare_u64_f64(limit->bits, a);
    return a < limit->f64 ? -1 : a > limit->f64;
}

static int compare(const rota_type *type, const void *value,
                   const rota_limit *limit)
{
    switch (type->kind) {
    case ROTA_KIND_I32: return compare_i64(*(const int32_t *)value, limit);
    case ROTA_KIND_U32: return compare_u64(*(const uint32_t *)value, limit);
    case ROTA_KIND_I64: return compare_i64(*(const int64_t *)value, limit);
    case ROTA_KIND_U64: return compare_u64(*(const uint64_t *)value, limit);
    case ROTA_KIND_F64: return compare_f64(*(const double *)value, limit);
    default: return 0;
    }
}

/* A quotient of doubles is whole but for rounding: 0.3 is 3 times 0.1. The
 * slack is for some dozens of roundings, as a sum of tenths has them. */
static bool is_multiple_f64(double value, double step)
{
    const double slack = 1e-14, all_whole = 4503599627370496.0; /* 2^52 */
    double q = value / step;

    if (q < 0)
        q = -q;
    if (!(q < all_whole))
        return true;
    double off = q - (double)(int64_t)(q + 0.5);
    return (off < 0 ? -off : off) <= slack * (q > 1 ? q : 1);
}

static bool is_multiple(const rota_type *type, const void *value,
                        const rota_limit *step)
{
    uint64_t m; /* magnitude: the sign is of no matter */
    int64_t v;

    switch (type->kind) {
    case ROTA_KIND_I32: v = *(const int32_t *)value; break;
    case ROTA_KIND_I64: v = *(const int64_t *)value; break;
    case ROTA_KIND_F64:
        return is_multiple_f64(*(const double *)value, step->f64);
    case ROTA_KIND_U32: v = *(const uint32_t *)value; break;
    default: v = 0; break;
    }
    m = type->kind == ROTA_KIND_U64 ? *(const uint64_t *)value
        : v < 0                     ? 0 - (uint64_t)v
                                    : (uint64_t)v;
    if (step->kind == ROTA_LIMIT_F64)
        return is_multiple_f64((double)m, step->f64);
    return step->bits != 0 && m % step->bits == 0;
}

/* A limit as text, as its declaration has it. */
static const char *limit_text(char *buffer, const rota_limit *l)
{
    char *end = l->kind == ROTA_LIMIT_F64 ? json_put_double(buffer, l->f64)
                : l->kind == ROTA_LIMIT_UINT
                    ? json_put_u64(buffer, l->bits)
                    : json_put_i64(buffer, (int64_t)l->bits);

    *end = '\0';
    return buffer;
}

static int set_fault(struct model_fault *fault, const char *type,
                     const char *msg)
{
    *fault = (struct model_fault){ type, msg };
    return msg ? 1 : -ENOMEM;
}

__attribute__((noinline)) static int limit_fault(rota_arena *a,
                                                 struct model_fault *fault,
                                                 const char *type,
                                                 const char *words,
                                                 const rota_limit *limit)
{
    char number[JSON_NUMBER_MAX + 1];

    return set_fault(fault, type,
                     rota_arena_printf(a, "must be %s %s", words,
                                       limit_text(number, limit)));
}

/* "must have at least 3 items" */
__attribute__((noinline)) static int count_fault(rota_arena *a,
                                                 struct model_fault *fault,
                                                 const char *type,
                                                 const char *words, uint32_t n,
                                                 const char *unit)
{
    return set_fault(fault, type,
                     rota_arena_printf(a, "must have %s %u %s%s", words, n,
                                       unit, n == 1 ? "" : "s"));
}

static int check_number(rota_arena *a, const rota_field *f,
                        const rota_type *type, const void *value,
                        struct model_fault *fault)
{
    if (f->low.kind) {
        int c = compare(type, value, &f->low);
        if (c < 0 || (c == 0 && f->low_open))
            return f->low_open ? limit_fault(a, fault, "greater_than",
                                             "greater than", &f->low)
                               : limit_fault(a, fault, "greater_than_equal",
                                             "at least", &f->low);
    }
    if (f->high.kind) {
        int c = compare(type, value, &f->high);
        if (c > 0 || (c == 0 && f->high_open))
            return f->high_open ? limit_fault(a, fault, "less_than",
                                              "less than", &f->high)
                                : limit_fault(a, fault, "less_than_equal",
                                              "at most", &f->high);
    }
    if (f->step.kind && !is_multiple(type, value, &f->step))
        return limit_fault(a, fault, "multiple_of", "a multiple of", &f->step);
    return 0;
}

static int check_pattern(rota_arena *a, const char *pattern, rota_str s,
                         struct model_fault *fault)
{
    int rc = model_pattern_match(pattern, s);

    if (rc == 1 || rc == -ENOMEM)
        return rc == 1 ? 0 : rc;
    if (rc < 0)
        return set_fault(fault, "pattern_error",
                         "cannot be checked: the server's pattern is broken");
    return set_fault(fault, "string_pattern_mismatch",
                     rota_arena_printf(a, "must match %s", pattern));
}

static int check_string(rota_arena *a, const rota_field *f, rota_str s,
                        struct model_fault *fault)
{
    if (f->min_len || f->has_max_len) {
        size_t len = utf8_count(s.ptr, s.len);
        if (len < f->min_len)
            return count_fault(a, fault, "string_too_short", "at least",
                               f->min_len, "character");
        if (f->has_max_len && len > f->max_len)
            return count_fault(a, fault, "string_too_long", "at most",
                               f->max_len, "character");
    }
    if (f->format && !model_format_ok(f->format, s))
        return set_fault(fault, "format",
                         rota_arena_printf(a, "must be a valid %s", f->format));
    return f->pattern ? check_pattern(a, f->pattern, s, fault) : 0;
}

int model_valid_scalar(rota_arena *a, const rota_field *f,
                       const rota_type *type, const void *value,
                       struct model_fault *fault)
{
    if (!f)
        return 0;
    if (type->kind == ROTA_KIND_STR)
        return check_string(a, f, *(const rota_str *)value, fault);
    return check_number(a, f, type, value, fault);
}

/* Any order will do that brings equal elements together. */
static int compare_elements(const rota_type *type, const void *a, const void *b)
{
    if (type->kind == ROTA_KIND_F64) {
        double x = *(const double *)a, y = *(const double *)b;
        return x < y ? -1 : x > y;
    }
    if (type->kind != ROTA_KIND_STR)
        return memcmp(a, b, type->size);
    const rota_str *s = a, *t = b;
    if (s->len != t->len)
        return s->len < t->len ? -1 : 1;
    return s->len ? memcmp(s->ptr, t->ptr, s->len) : 0;
}

/* Restores the heap below `i`, of `n` elements, the greatest on top. */
static void sift_down(const rota_type *type, const char **at, size_t i,
                      size_t n)
{
    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n &&
            compare_elements(type, at[child], at[child + 1]) < 0)
            child++;
        if (compare_elements(type, at[i], at[child]) >= 0)
            return;
        const char *t = at[i];
        at[i] = at[child];
        at[child] = t;
    }
}

/*
 * Heap sort of pointers: n log n for any input, no recursion, no hash that an
 * attacker could aim at. As the elements come off in order, two equal ones
 * meet. 1: unique; 0: not; -ENOMEM.
 */
static int is_unique(rota_arena *a, const rota_type *elem, const char *at,
                     size_t len)
{
    if (len < 2)
        return 1;
    const char **heap = rota_arena_alloc(a, len * sizeof *heap);
    if (!heap)
        return -ENOMEM;
    for (size_t i = 0; i < len; i++)
        heap[i] = at + i * elem->size;
    for (size_t i = len / 2; i-- > 0;)
        sift_down(elem, heap, i, len);
    const char *last = NULL;
    for (size_t n = len; n > 0; n--) {
        if (last && compare_elements(elem, last, heap[0]) == 0)
            return 0;
        last = heap[0];
        heap[0] = heap[n - 1];
        sift_down(elem, heap, 0, n - 1);
    }
    return 1;
}

int model_valid_list(rota_arena *a, const rota_field *f, const rota_type *type,
                     const void *value, struct model_fault *fault)
{
    const struct {
        const char *at;
        size_t len;
    } *list = value;

    if (!f)
        return 0;
    if (list->len < f->min_items)
        return count_fault(a, fault, "too_short", "at least", f->min_items,
                           "item");
    if (f->has_max_items && list->len > f->max_items)
        return count_fault(a, fault, "too_long", "at most", f->max_items,
                           "item");
    if (!f->unique)
        return 0;
    int rc = is_unique(a, type->elem, list->at, list->len);
    if (rc != 0)
        return rc < 0 ? rc : 0;
    return set_fault(fault, "not_unique", "must not hold equal items");
}
