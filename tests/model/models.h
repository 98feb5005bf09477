/*
 * The models and helpers that the tests of this room share.
 */
#ifndef TESTS_MODEL_MODELS_H
#define TESTS_MODEL_MODELS_H

#include <errno.h>
#include <stdlib.h>

#include "rota/json.h"
#include "test.h"

ROTA_ENUM(Color, red, green, blue);

ROTA_MODEL(Address, (str, city, min_len(1)), (str, zip, pattern("^[0-9]{5}$")));

ROTA_MODEL(Item, (i64, id, optional, doc("Assigned by the server")),
           (str, name, min_len(1), max_len(80), example("lamp")),
           (f64, price, gt(0)), (bool, in_stock, def(true)),
           (str_list, tags, optional, max_items(10)),
           (Address, ship_to, optional));

/* Everything that JSON can be, each by itself. */
ROTA_MODEL(Any, (i32, i, optional), (u32, u, optional), (i64, l, optional),
           (u64, m, optional), (f64, d, optional), (bool, b, optional),
           (str, s, optional), (Color, c, optional), (i64_list, li, optional),
           (str_list, ls, optional), (Address_list, la, optional),
           (f64_list, ld, optional));

/* An arena and an error list; they live until the next call of bench(). */
struct bench {
    rota_arena arena;
    rota_errors errors;
};

static inline struct bench *bench(void)
{
    static struct bench b;

    rota_arena_fini(&b.arena);
    rota_arena_init(&b.arena, NULL, 0);
    b.errors = (rota_errors){ 0 };
    return &b;
}

/* The error at a place, NULL when there is none. */
static inline const rota_error *error_at(const struct bench *b, const char *loc)
{
    for (size_t i = 0; i < b->errors.len; i++)
        if (rota_str_eq(b->errors.at[i].loc, rota_str_of(loc)))
            return &b->errors.at[i];
    return NULL;
}

#define PARSE(b, T, text, out)                                             \
    rota_json_parse(&(b)->arena, &rota_type_##T, rota_str_of(text), (out), \
                    &(b)->errors)

/* There is an error at `loc` of this type, and with this sentence. */
#define CHECK_ERROR(b, loc_, type_, msg_)                 \
    do {                                                  \
        const rota_error *error_ = error_at((b), (loc_)); \
        if (!error_)                                      \
            test_fail(TEST_AT, "no error at %s", (loc_)); \
        CHECK_STR(error_->type, (type_));                 \
        CHECK_STR(error_->msg.ptr, (msg_));               \
    } while (0)

#define CHECK_TEXT(got, want)                                      \
    do {                                                           \
        rota_str text_ = (got), want_ = rota_str_of(want);         \
        if (!rota_str_eq(text_, want_))                            \
            test_fail(TEST_AT, "%s is \"%.*s\", not \"%s\"", #got, \
                      ROTA_STR_ARG(text_), want_.ptr);             \
    } while (0)

#endif
