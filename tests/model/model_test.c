/*
 * Models: presence, defaults, null, every constraint at its boundary, and
 * the list of errors.
 */
#include "models.h"

ROTA_MODEL(Limits, (i64, ge, optional, ge(10)), (i64, gt, optional, gt(10)),
           (i64, le, optional, le(10)), (i64, lt, optional, lt(10)),
           (i64, mul, optional, multiple_of(5)),
           (f64, fmul, optional, multiple_of(0.1)),
           (f64, half, optional, ge(0.5), le(1)),
           (i64, big, optional, gt(9007199254740992), lt(9007199254740994)),
           (u64, top, optional, ge(18446744073709551615u)),
           (i64, low, optional, le(-9223372036854775807)),
           (i64, far, optional, ge(-1e300), le(0.5)),
           (i32_list, each, optional, ge(0), le(9), min_items(2), max_items(3)),
           (str, len, optional, min_len(2), max_len(3)),
           (str, pat, optional, pattern("^a+$")),
           (str_list, uni, optional, unique, max_len(4)),
           (f64_list, unid, optional, unique));

struct vector {
    const char *text; /* a member */
    const char *type; /* of its error, NULL: valid */
    const char *msg;
};

static void check_vectors(const rota_type *type, const struct vector *v,
                          size_t n)
{
    char out[2048], text[512];

    for (size_t i = 0; i < n; i++) {
        struct bench *b = bench();
        snprintf(text, sizeof text, "{%s}", v[i].text);
        CHECK(type->size <= sizeof out);
        int rc = rota_json_parse(&b->arena, type, rota_str_of(text), out,
                                 &b->errors);
        if (rc != (v[i].type ? -EINVAL : 0))
            test_fail(TEST_AT, "%s: %d", text, rc);
        if (v[i].type) {
            CHECK_INT(b->errors.len, 1);
            CHECK_STR(b->errors.at[0].type, v[i].type);
            CHECK_STR(b->errors.at[0].msg.ptr, v[i].msg);
        }
        rota_arena_fini(&b->arena);
    }
}

#define CHECK_VECTORS(T, v) \
    check_vectors(&rota_type_##T, v, sizeof v / sizeof v[0])

TEST("every constraint holds at its boundary, and says its limit")
{
    static const struct vector v[] = {
        { "\"ge\":10", NULL, NULL },
        { "\"ge\":9", "greater_than_equal", "must be at least 10" },
        { "\"gt\":11", NULL, NULL },
        { "\"gt\":10", "greater_than", "must be greater than 10" },
        { "\"le\":10", NULL, NULL },
        { "\"le\":11", "less_than_equal", "must be at most 10" },
        { "\"lt\":9", NULL, NULL },
        { "\"lt\":10", "less_than", "must be less than 10" },
        { "\"mul\":-15", NULL, NULL },
        { "\"mul\":0", NULL, NULL },
        { "\"mul\":7", "multiple_of", "must be a multiple of 5" },
        { "\"fmul\":0.3", NULL, NULL },
        { "\"fmul\":-1234.5", NULL, NULL },
        { "\"fmul\":0.35", "multiple_of", "must be a multiple of 0.1" },
        { "\"fmul\":0.7999999999999999", NULL, NULL }, /* 0.1, eight times */
        { "\"fmul\":100000000000.1", NULL, NULL },
        { "\"fmul\":100000000000.15", "multiple_of",
          "must be a multiple of 0.1" },
        { "\"half\":0.5", NULL, NULL },
        { "\"half\":1", NULL, NULL },
        { "\"half\":0.4999", "greater_than_equal", "must be at least 0.5" },
        { "\"half\":1.0000001", "less_than_equal", "must be at most 1" },
        { "\"big\":9007199254740993", NULL, NULL },
        { "\"big\":9007199254740992", "greater_than",
          "must be greater than 9007199254740992" },
        { "\"big\":9007199254740994", "less_than",
          "must be less than 9007199254740994" },
        { "\"top\":18446744073709551615", NULL, NULL },
        { "\"top\":18446744073709551614", "greater_than_equal",
          "must be at least 18446744073709551615" },
        { "\"low\":-9223372036854775808", NULL, NULL },
        { "\"low\":-9223372036854775806", "less_than_equal",
          "must be at most -9223372036854775807" },
        { "\"far\":-9223372036854775808", NULL, NULL },
        { "\"far\":1", "less_than_equal", "must be at most 0.5" },
        { "\"each\":[0,9]", NULL, NULL },
        { "\"each\":[0,10]", "less_than_equal", "must be at most 9" },
        { "\"each\":[1]", "too_short", "must have at least 2 items" },
        { "\"each\":[1,2,3,4]", "too_long", "must have at most 3 items" },
        { "\"each\":[1,2,3,4,5,6]", "too_long", "must have at most 3 items" },
        { "\"len\":\"ab\"", NULL, NULL },
        { "\"len\":\"\xC3\xA9\xC3\xA9\xC3\xA9\"", NULL, NULL },
        { "\"len\":\"\xF0\x9F\x98\x80\"", "string_too_short",
          "must have at least 2 characters" },
        { "\"len\":\"abcd\"", "string_too_long",
          "must have at most 3 characters" },
        { "\"pat\":\"aaa\"", NULL, NULL },
        { "\"pat\":\"aab\"", "string_pattern_mismatch", "must match ^a+$" },
        { "\"pat\":\"a\\n\"", "string_pattern_mismatch", "must match ^a+$" },
        { "\"uni\":[\"a\",\"b\",\"\",\"ab\"]", NULL, NULL },
        { "\"uni\":[\"b\",\"a\",\"c\",\"a\"]", "not_unique",
          "must not hold equal items" },
        { "\"uni\":[\"toolong\"]", "string_too_long",
          "must have at most 4 characters" },
        { "\"unid\":[0,-0.0]", "not_unique", "must not hold equal items" },
        { "\"unid\":[1,2,3,4,5]", NULL, NULL },
    };
    CHECK_VECTORS(Limits, v);
}

ROTA_MODEL(Bomb, (str, s, pattern("^(a+)+$")));

TEST("a pattern that explodes is cut off, and counts as no match")
{
    struct bench *b = bench();
    Bomb out;

    CHECK_INT(PARSE(b, Bomb, "{\"s\":\"aaaa\"}", &out), 0);
    CHECK_INT(PARSE(b, Bomb,
                    "{\"s\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\"}",
                    &out),
              -EINVAL);
    CHECK_ERROR(b, "s", "string_pattern_mismatch", "must match ^(a+)+$");
}

ROTA_MODEL(Formats, (str, date, optional, format("date")),
           (str, at, optional, format("date-time")),
           (str, email, optional, format("email")),
           (str, uuid, optional, format("uuid")),
           (str, uri, optional, format("uri")),
           (str, v4, optional, format("ipv4")),
           (str, v6, optional, format("ipv6")));

TEST("formats take what their standards take")
{
    static const struct vector v[] = {
        { "\"date\":\"2024-02-29\"", NULL, NULL },
        { "\"date\":\"2023-02-29\"", "format", "must be a valid date" },
        { "\"date\":\"1900-02-29\"", "format", "must be a valid date" },
        { "\"date\":\"2024-13-01\"", "format", "must be a valid date" },
        { "\"date\":\"2024-1-01\"", "format", "must be a valid date" },
        { "\"date\":\"2024-01-01 \"", "format", "must be a valid date" },
        { "\"at\":\"2024-02-29T23:59:60Z\"", NULL, NULL },
        { "\"at\":\"2024-02-29t00:00:00.123+01:00\"", NULL, NULL },
        { "\"at\":\"2024-02-29T24:00:00Z\"", "format",
          "must be a valid date-time" },
        { "\"at\":\"2024-02-29T00:00:00\"", "format",
          "must be a valid date-time" },
        { "\"at\":\"2024-02-29T00:00:00.Z\"", "format",
          "must be a valid date-time" },
        { "\"email\":\"a.b+c@example.org\"", NULL, NULL },
        { "\"email\":\"@example.org\"", "format", "must be a valid email" },
        { "\"email\":\"a@-b.org\"", "format", "must be a valid email" },
        { "\"email\":\"a@b..org\"", "format", "must be a valid email" },
        { "\"email\":\"a b@c.org\"", "format", "must be a valid email" },
        { "\"email\":\"a@b\\n\"", "format", "must be a valid email" },
        { "\"uuid\":\"123e4567-E89B-12d3-a456-426614174000\"", NULL, NULL },
        { "\"uuid\":\"123e4567e89b12d3a456426614174000\"", "format",
          "must be a valid uuid" },
        { "\"uuid\":\"123e4567-e89b-12d3-a456-42661417400g\"", "format",
          "must be a valid uuid" },
        { "\"uri\":\"https://a.b:8/c?d=%20#e\"", NULL, NULL },
        { "\"uri\":\"urn:x\"", NULL, NULL },
        { "\"uri\":\"/relative\"", "format", "must be a valid uri" },
        { "\"uri\":\"http://a b\"", "format", "must be a valid uri" },
        { "\"uri\":\"http://%2\"", "format", "must be a valid uri" },
        { "\"uri\":\"1http:x\"", "format", "must be a valid uri" },
        { "\"v4\":\"255.0.0.1\"", NULL, NULL },
        { "\"v4\":\"256.0.0.1\"", "format", "must be a valid ipv4" },
        { "\"v4\":\"1.2.3\"", "format", "must be a valid ipv4" },
        { "\"v4\":\"01.2.3.4\"", "format", "must be a valid ipv4" },
        { "\"v6\":\"::ffff:1.2.3.4\"", NULL, NULL },
        { "\"v6\":\"1::2::3\"", "format", "must be a valid ipv6" },
        { "\"v6\":\"\"", "format", "must be a valid ipv6" },
    };
    CHECK_VECTORS(Formats, v);
}

TEST("a value of another type is named by what it must be")
{
    static const struct vector v[] = {
        { "\"i\":\"5\"", "int_type", "must be an integer" },
        { "\"i\":true", "int_type", "must be an integer" },
        { "\"i\":null", "int_type", "must be an integer" },
        { "\"d\":\"1\"", "float_type", "must be a number" },
        { "\"b\":1", "bool_type", "must be true or false" },
        { "\"b\":\"true\"", "bool_type", "must be true or false" },
        { "\"s\":5", "string_type", "must be a string" },
        { "\"s\":[\"a\"]", "string_type", "must be a string" },
        { "\"c\":\"pink\"", "enum", "must be red, green or blue" },
        { "\"c\":0", "enum", "must be a string" },
        { "\"li\":5", "list_type", "must be a list" },
        { "\"li\":{}", "list_type", "must be a list" },
        { "\"la\":[[]]", "object_type", "must be an object" },
    };
    CHECK_VECTORS(Any, v);
}

TEST("has tells what was given; a default fills what was not")
{
    struct bench *b = bench();
    Item it;

    CHECK_INT(PARSE(b, Item, "{\"name\":\"n\",\"price\":1}", &it), 0);
    CHECK(it.has.name && it.has.price);
    CHECK(!it.has.id && !it.has.tags && !it.has.ship_to && !it.has.in_stock);
    CHECK(it.in_stock);
    CHECK_INT(
        PARSE(b, Item, "{\"name\":\"n\",\"price\":1,\"in_stock\":false}", &it),
        0);
    CHECK(it.has.in_stock && !it.in_stock);
}

ROTA_MODEL(Defaults, (i64, i, def(-5)), (u64, u, def(18446744073709551615)),
           (f64, d, def(1.5)), (bool, t, def(true)), (bool, f, def(false)),
           (str, s, def("a\tb")), (Color, c, def(green)),
           (Color, q, def("blue")), (i64_list, l, def([ 1, 2 ])),
           (str, n, nullable, def("x")));

TEST("defaults of every kind are what they say")
{
    struct bench *b = bench();
    Defaults d;
    rota_str out;

    CHECK_INT(PARSE(b, Defaults, "{}", &d), 0);
    CHECK_INT(d.i, -5);
    CHECK(d.u == UINT64_MAX && d.d == 1.5 && d.t && !d.f);
    CHECK_TEXT(d.s, "a\tb");
    CHECK(d.c == Color_green && d.q == Color_blue);
    CHECK(d.l.len == 2 && d.l.at[1] == 2 && !d.null.n);
    CHECK_INT(rota_json_dump(&b->arena, &rota_type_Defaults, &d, &out), 0);
    CHECK_STR(out.ptr,
              "{\"i\":-5,\"u\":18446744073709551615,\"d\":1.5,\"t\":true,"
              "\"f\":false,\"s\":\"a\\tb\",\"c\":\"green\",\"q\":\"blue\","
              "\"l\":[1,2],\"n\":\"x\"}");
}

ROTA_MODEL(Nulls, (str, must, nullable), (i64, may, nullable, optional),
           (i64, never, optional));

TEST("null, absent and given are three things")
{
    struct bench *b = bench();
    Nulls n;
    rota_str out;

    CHECK_INT(PARSE(b, Nulls, "{\"must\":null,\"may\":null}", &n), 0);
    CHECK(n.null.must && n.has.must && n.null.may && n.has.may);
    CHECK_INT(rota_json_dump(&b->arena, &rota_type_Nulls, &n, &out), 0);
    CHECK_STR(out.ptr, "{\"must\":null,\"may\":null}");
    CHECK_INT(PARSE(b, Nulls, "{\"must\":\"\"}", &n), 0);
    CHECK(!n.null.must && !n.has.may && !n.null.may);
    CHECK_INT(PARSE(b, Nulls, "{\"never\":null}", &n), -EINVAL);
    CHECK_ERROR(b, "must", "missing", "is required");
    CHECK_ERROR(b, "never", "int_type", "must be an integer");
}

ROTA_MODEL_STRICT(Strict, (i64, a), (str, type_, name("@type")));
ROTA_MODEL(Login, (str, user), (str, password, secret, min_len(8)),
           (i64, id, read_only), (str, pin, write_only, optional));
ROTA_MODEL(LoginBox, (Login, login), (Login_list, more, optional));

TEST("a strict model refuses what it does not know, a plain one ignores it")
{
    struct bench *b = bench();
    Strict s;
    Item it;

    CHECK_INT(PARSE(b, Strict, "{\"a\":1,\"@type\":\"t\",\"b\":[1]}", &s),
              -EINVAL);
    CHECK_ERROR(b, "b", "extra_forbidden", "is not a known field");
    CHECK_TEXT(error_at(b, "b")->value, "[1]");
    CHECK_INT(PARSE(b, Strict, "{\"a\":1,\"type_\":\"t\"}", &s), -EINVAL);
    CHECK_ERROR(b, "@type", "missing", "is required");
    CHECK_INT(PARSE(b, Item, "{\"name\":\"n\",\"price\":1,\"zz\":{}}", &it), 0);
}

TEST("a secret is read but neither written nor shown")
{
    struct bench *b = bench();
    LoginBox l;
    rota_str out;

    CHECK_INT(PARSE(b, LoginBox,
                    "{\"login\":{\"user\":\"u\",\"password\":\"hunter2\","
                    "\"id\":7,\"pin\":\"1\"},\"more\":[[\"hunter2\"]]}",
                    &l),
              -EINVAL);
    CHECK_ERROR(b, "login.password", "string_too_short",
                "must have at least 8 characters");
    CHECK_INT(error_at(b, "login.password")->value.len, 0);
    CHECK_INT(error_at(b, "more[0]")->value.len, 0);
    CHECK_INT(PARSE(b, LoginBox,
                    "{\"login\":{\"user\":\"u\",\"password\":\"hunter22\","
                    "\"id\":7,\"pin\":\"1\"}}",
                    &l),
              0);
    CHECK_TEXT(l.login.password, "hunter22");
    CHECK_TEXT(l.login.pin, "1");
    CHECK_INT(l.login.id, 0);
    CHECK(!l.login.has.id);
    l.login.id = 9;
    CHECK_INT(rota_json_dump(&b->arena, &rota_type_LoginBox, &l, &out), 0);
    CHECK_STR(out.ptr, "{\"login\":{\"user\":\"u\",\"id\":9}}");
}

TEST("all errors of a document are told, each at its place")
{
    struct bench *b = bench();
    Item it;

    CHECK_INT(PARSE(b, Item,
                    "{\"id\":\"x\",\"name\":\"\",\"price\":0,"
                    "\"tags\":[\"a\",5],\"ship_to\":{\"zip\":\"1\"}}",
                    &it),
              -EINVAL);
    CHECK_INT(b->errors.len, 6);
    CHECK_ERROR(b, "id", "int_type", "must be an integer");
    CHECK_ERROR(b, "name", "string_too_short",
                "must have at least 1 character");
    CHECK_ERROR(b, "price", "greater_than", "must be greater than 0");
    CHECK_ERROR(b, "tags[1]", "string_type", "must be a string");
    CHECK_ERROR(b, "ship_to.zip", "string_pattern_mismatch",
                "must match ^[0-9]{5}$");
    CHECK_ERROR(b, "ship_to.city", "missing", "is required");
    CHECK_TEXT(error_at(b, "id")->value, "\"x\"");
}

TEST("errors are bounded in number and in size")
{
    struct bench *b = bench();
    Item_list list;
    char text[8192] = "[";

    for (int i = 0; i < 100; i++)
        strcat(text, "{},");
    strcat(text, "{\"price\":\"");
    for (int i = 0; i < 60; i++)
        strcat(text, "\xE2\x82\xAC");
    strcat(text, "\"}]");
    CHECK_INT(PARSE(b, Item_list, text, &list), -EINVAL);
    CHECK_INT(b->errors.len, ROTA_ERRORS_MAX);
    CHECK_INT(b->errors.dropped, 202 - ROTA_ERRORS_MAX);
    b->errors = (rota_errors){ 0 };
    Item it;
    text[strlen(text) - 1] = '\0';
    CHECK_INT(PARSE(b, Item, strstr(text, "{\"price"), &it), -EINVAL);
    /* The quote and 33 characters of three bytes: not 100, but whole. */
    CHECK_INT(error_at(b, "price")->value.len, 100);
}

TEST("the caller may not want to know the errors")
{
    struct bench *b = bench();
    Item it;

    CHECK_INT(
        rota_json_parse(&b->arena, &rota_type_Item, ROTA_STR("{}"), &it, NULL),
        -EINVAL);
    CHECK_INT(
        rota_json_parse(&b->arena, &rota_type_Item, ROTA_STR("{"), &it, NULL),
        -EBADMSG);
}

TEST("a struct filled by hand writes its required fields")
{
    struct bench *b = bench();
    rota_str out;
    Item it = { .name = ROTA_STR("n"), .price = 2.5, .id = 7 };

    CHECK_INT(rota_json_dump(&b->arena, &rota_type_Item, &it, &out), 0);
    CHECK_STR(out.ptr, "{\"name\":\"n\",\"price\":2.5,\"in_stock\":false}");
    it.has.id = true;
    Item_list list = { &it, 1 };
    CHECK_INT(rota_json_dump(&b->arena, &rota_type_Item_list, &list, &out), 0);
    CHECK_STR(out.ptr, "[{\"id\":7,\"name\":\"n\",\"price\":2.5,"
                       "\"in_stock\":false}]");
}

/* A field for each of 80 names. */
#define TEN(p)                                                       \
    (i64, p##0), (i64, p##1), (i64, p##2), (i64, p##3), (i64, p##4), \
        (i64, p##5), (i64, p##6), (i64, p##7), (i64, p##8),          \
        (i64, p##9, ge(0), le(9), doc("nine"))
#define DECLARE(...) ROTA_MODEL(__VA_ARGS__)
DECLARE(Wide, TEN(a), TEN(b), TEN(c), TEN(d), TEN(e), TEN(f), TEN(g), TEN(h));

TEST("a model may have eighty fields")
{
    struct bench *b = bench();
    Wide w;

    CHECK_INT(rota_type_Wide.count, 80);
    CHECK_INT(PARSE(b, Wide, "{\"h9\":10,\"a0\":1}", &w), -EINVAL);
    CHECK_ERROR(b, "h9", "less_than_equal", "must be at most 9");
    CHECK_INT(b->errors.len + b->errors.dropped, 79);
    CHECK_INT(b->errors.dropped, 79 - ROTA_ERRORS_MAX);
}
