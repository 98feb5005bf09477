/*
 * Values that come typed (rows of a database), and the check of declarations.
 */
#include <math.h>

#include "model/model.h"
#include "models.h"

static const rota_field *field(const rota_type *type, const char *name)
{
    const rota_field *f = model_field_find(type, rota_str_of(name));

    if (!f)
        test_fail(TEST_AT, "no field %s", name);
    return f;
}

ROTA_MODEL(Named, (i64, id, name("Id")), (str, note, nullable),
           (str, maybe, optional));

TEST("a field is found by its name in C and on the wire")
{
    CHECK(field(&rota_type_Named, "id") == field(&rota_type_Named, "Id"));
    CHECK(!model_field_find(&rota_type_Named, ROTA_STR("ID")));
    CHECK(!model_field_find(&rota_type_i64, ROTA_STR("id")));
}

static int store_i64(Any *any, const char *name, int64_t v)
{
    return model_store_i64(&bench()->arena, field(&rota_type_Any, name), any,
                           v);
}

static int store_f64(Any *any, const char *name, double v)
{
    return model_store_f64(&bench()->arena, field(&rota_type_Any, name), any,
                           v);
}

static int store_str(Any *any, const char *name, rota_str v)
{
    return model_store_str(&bench()->arena, field(&rota_type_Any, name), any,
                           v);
}

TEST("integers are stored where they fit")
{
    Any any = { 0 };

    CHECK_INT(store_i64(&any, "i", INT32_MIN), 0);
    CHECK(any.has.i && any.i == INT32_MIN);
    CHECK_INT(store_i64(&any, "i", (int64_t)INT32_MAX + 1), -ERANGE);
    CHECK_INT(store_i64(&any, "u", -1), -ERANGE);
    CHECK_INT(store_i64(&any, "u", UINT32_MAX), 0);
    CHECK_INT(store_i64(&any, "l", INT64_MIN), 0);
    CHECK(any.l == INT64_MIN);
    CHECK_INT(store_i64(&any, "m", -1), -ERANGE);
    CHECK_INT(store_i64(&any, "m", INT64_MAX), 0);
    CHECK_INT(store_i64(&any, "b", 1), 0);
    CHECK(any.b);
    CHECK_INT(store_i64(&any, "b", 2), -ERANGE);
    CHECK_INT(store_i64(&any, "c", 2), 0);
    CHECK_INT(store_i64(&any, "c", 3), -ERANGE);
    CHECK_INT(store_i64(&any, "c", -1), -ERANGE);
    CHECK_INT(store_i64(&any, "d", 7), 0);
    CHECK(any.d == 7.0);
    CHECK_INT(store_i64(&any, "d", ((int64_t)1 << 53) + 1), -ERANGE);
    CHECK_INT(store_i64(&any, "s", 7), -EINVAL);
    CHECK(!any.has.s);
}

TEST("doubles are stored as integers only when they are")
{
    Any any = { 0 };

    CHECK_INT(store_f64(&any, "d", 1.5), 0);
    CHECK(any.d == 1.5);
    CHECK_INT(store_f64(&any, "d", NAN), -ERANGE);
    CHECK_INT(store_f64(&any, "i", 5.0), 0);
    CHECK_INT(any.i, 5);
    CHECK_INT(store_f64(&any, "i", 5.5), -ERANGE);
    CHECK_INT(store_f64(&any, "i", 3e9), -ERANGE);
    CHECK_INT(store_f64(&any, "l", -9223372036854775808.0), 0);
    CHECK(any.l == INT64_MIN);
    CHECK_INT(store_f64(&any, "l", 9223372036854775808.0), -ERANGE);
    CHECK_INT(store_f64(&any, "m", 9223372036854775808.0), 0);
    CHECK(any.m == (uint64_t)1 << 63);
    CHECK_INT(store_f64(&any, "m", 18446744073709551616.0), -ERANGE);
    CHECK_INT(store_f64(&any, "u", -0.5), -ERANGE);
    CHECK_INT(store_f64(&any, "l", NAN), -ERANGE);
    CHECK_INT(store_f64(&any, "b", 1.0), -EINVAL);
    CHECK_INT(store_f64(&any, "s", 1.0), -EINVAL);
}

TEST("text is stored as a string, an enum, or the JSON of a list")
{
    Any any = { 0 };

    CHECK_INT(store_str(&any, "s", ROTA_STR("text")), 0);
    CHECK_TEXT(any.s, "text");
    CHECK_INT(store_str(&any, "s", ROTA_STR("\xFF")), -EINVAL);
    CHECK_INT(store_str(&any, "s", ROTA_STR("")), 0);
    CHECK_INT(store_str(&any, "c", ROTA_STR("blue")), 0);
    CHECK_INT(any.c, Color_blue);
    CHECK_INT(store_str(&any, "c", ROTA_STR("pink")), -EINVAL);
    CHECK_INT(store_str(&any, "li", ROTA_STR("[1,2,3]")), 0);
    CHECK_INT(any.li.at[2], 3);
    CHECK_INT(store_str(&any, "li", ROTA_STR("[1,")), -EINVAL);
    CHECK_INT(store_str(&any, "li", ROTA_STR("[true]")), -EINVAL);
    CHECK_INT(store_str(&any, "i", ROTA_STR("5")), -EINVAL);
}

TEST("null goes where null can be")
{
    Named row = { 0 };

    CHECK_INT(model_store_null(field(&rota_type_Named, "note"), &row), 0);
    CHECK(row.null.note && row.has.note);
    CHECK_INT(model_store_null(field(&rota_type_Named, "maybe"), &row), 0);
    CHECK(!row.has.maybe && !row.null.maybe);
    CHECK_INT(model_store_null(field(&rota_type_Named, "id"), &row), -EINVAL);
}

static void check_refused(const rota_type *type, const char *part)
{
    char err[256];

    CHECK_INT(rota_type_check(type, err, sizeof err), -EINVAL);
    CHECK_HAS(err, part);
}

#define REFUSED(T, part) check_refused(&rota_type_##T, part)

ROTA_MODEL(BadPattern, (str, s, pattern("a(")));
ROTA_MODEL(BadFormat, (str, s, format("dat")));
ROTA_MODEL(BadDefault, (i64, n, def(5), gt(5)));
ROTA_MODEL(BadDefaultType, (i64, n, def("x")));
ROTA_MODEL(BadDefaultEnum, (Color, c, def(pink)));
ROTA_MODEL(BadDefaultItem, (i64_list, l, def([ 1, 9 ]), le(8)));
ROTA_MODEL(BadExample, (str, s, example("ab"), max_len(1)));
ROTA_MODEL(BadKind, (str, s, ge(1)));
ROTA_MODEL(BadKindLen, (i64, n, max_len(1)));
ROTA_MODEL(BadKindList, (i64, n, unique));
ROTA_MODEL(BadUnique, (Address_list, l, unique));
ROTA_MODEL(BadName, (i64, a, name("b")), (i64, b));
ROTA_MODEL(BadQuote, (i64, a, name("x\"y")));
ROTA_MODEL(BadStep, (i64, n, multiple_of(0)));
ROTA_MODEL(BadRange, (str, s, min_len(3), max_len(2)));
ROTA_MODEL(BadInside, (BadPattern_list, l));
ROTA_PARAMS(BadPath, path(i64, id, optional));
ROTA_PARAMS(BadHeader, header(str, h, name("a b")));
ROTA_PARAMS(BadHeaderByte, header(str, h, name("X-\xc3\xa9")));
ROTA_PARAMS(BadCookie, cookie(str_list, c));
ROTA_PARAMS(BadQuery, query(Address, a));
ROTA_PARAMS(TwoBodies, body(Item, a), body(Item, b));
ROTA_PARAMS(GoodParams, query(i64, id), header(str, id2, name("id")),
            body(Item_list, items));

TEST("a type check finds what the compiler could not")
{
    REFUSED(BadPattern, "BadPattern.s: pattern \"a(\" is wrong at 2");
    REFUSED(BadFormat, "unknown format \"dat\"");
    REFUSED(BadDefault, "the default 5 must be greater than 5");
    REFUSED(BadDefaultType, "the default \"x\" is not of its type");
    REFUSED(BadDefaultEnum, "the default pink is not of its type");
    REFUSED(BadDefaultItem, "must be at most 8");
    REFUSED(BadExample, "the example \"ab\" must have at most 1 character");
    REFUSED(BadKind, "need a number");
    REFUSED(BadKindLen, "need a str");
    REFUSED(BadKindList, "need a list");
    REFUSED(BadUnique, "list of scalars");
    REFUSED(BadName, "BadName.b: its name is also that of a");
    REFUSED(BadQuote, "needs escaping");
    REFUSED(BadStep, "above 0");
    REFUSED(BadRange, "min_len is above max_len");
    REFUSED(BadInside, "BadPattern.s");
    REFUSED(BadPath, "always given");
    REFUSED(BadHeader, "cannot be one");
    REFUSED(BadHeaderByte, "cannot be one");
    REFUSED(BadCookie, "must be a scalar");
    REFUSED(BadQuery, "must be a scalar or a list");
    REFUSED(TwoBodies, "second body");
}

TEST("a type check passes what is sound, and small error buffers")
{
    char err[8];

    CHECK_INT(rota_type_check(&rota_type_Item, err, sizeof err), 0);
    CHECK_INT(rota_type_check(&rota_type_Any_list, err, sizeof err), 0);
    CHECK_INT(rota_type_check(&rota_type_GoodParams, err, sizeof err), 0);
    CHECK_INT(rota_type_check(&rota_type_None, err, sizeof err), 0);
    CHECK_INT(rota_type_check(&rota_type_BadPattern, err, sizeof err), -EINVAL);
    CHECK_STR(err, "BadPatt");
}

TEST("a literal of a declaration becomes JSON proper")
{
    struct bench *b = bench();
    struct buf out = { 0 };

    CHECK_INT(model_write_literal(&b->arena, &out, &rota_type__Bool, "1"), 0);
    CHECK_INT(buf_append(&out, " ", 1), 0);
    CHECK_INT(model_write_literal(&b->arena, &out, &rota_type_Color, "green"),
              0);
    CHECK_INT(buf_append(&out, "", 1), 0);
    CHECK_STR(buf_head(&out), "true \"green\"");
    CHECK_INT(model_write_literal(&b->arena, &out, &rota_type_i64, "x"),
              -EINVAL);
    buf_fini(&out);
}

/* Digits from the first to the last that is not zero. */
static int significant(const char *text)
{
    int digits = 0, zeros = 0;

    for (const char *p = text; *p && *p != 'e'; p++) {
        if (*p < '0' || *p > '9' || (*p == '0' && digits == 0))
            continue;
        digits++;
        zeros = *p == '0' ? zeros + 1 : 0;
    }
    return digits - zeros;
}

static void check_shortest(double d)
{
    char text[JSON_NUMBER_MAX + 1], shorter[40];

    *json_put_double(text, d) = '\0';
    double back = strtod(text, NULL);
    if (memcmp(&back, &d, sizeof d) != 0)
        test_fail(TEST_AT, "%s is not %.17g", text, d);
    if (significant(text) < 2)
        return;
    snprintf(shorter, sizeof shorter, "%.*e", significant(text) - 2, d);
    if (strtod(shorter, NULL) == d)
        test_fail(TEST_AT, "%s, where %s would do", text, shorter);
}

TEST("doubles are written as short as they can be, and read back")
{
    uint64_t x = 88172645463325252u;
    int rounds = test_sanitized() ? 20000 : 200000;

    for (int i = 0; i < rounds; i++) {
        double d = (double)(x % 100000000) / 1000;
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        if (i % 2)
            memcpy(&d, &x, sizeof d);
        if (isfinite(d))
            check_shortest(d);
    }
    for (int e = -1074; e < 1024; e++)
        check_shortest(ldexp(1, e));
}
