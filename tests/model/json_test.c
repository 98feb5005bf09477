/*
 * JSON as text: what is accepted, what is refused, and where it says so.
 */
#include <limits.h>
#include <math.h>

#include "models.h"

/* Texts of RFC 8259 that must be taken; a member of any type can hold them
 * when nobody declares it. */
static const char *const accepted[] = {
    "{}",
    " \t\r\n{ \t\r\n} \t\r\n",
    "{\"x\":null}",
    "{\"x\":true,\"y\":false}",
    "{\"x\":0}",
    "{\"x\":-0}",
    "{\"x\":0.5e-10}",
    "{\"x\":1E+2}",
    "{\"x\":123456789012345678901234567890}",
    "{\"x\":1e400}",
    "{\"x\":\"\"}",
    "{\"x\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\"}",
    "{\"x\":\"\\ud83d\\ude00\"}",
    "{\"x\":\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\xF4\x8F\xBF\xBF\"}",
    "{\"x\":\"\x7F\"}",
    "{\"x\":[]}",
    "{\"x\":[[],{},[[[]]]]}",
    "{\"x\":{\"y\":{\"z\":[1,2,{\"a\":null}]}}}",
    "{\"x\":[1 , 2\n,\t3 ]}",
    "{\"\":1}",
    "{\"\\u0078\":1}",
};

static const struct {
    const char *text;
    size_t offset; /* where it must be found */
    const char *says;
} refused[] = {
    { "", 0, "expected a value" },
    { " ", 1, "expected a value" },
    { "{", 1, "expected the name" },
    { "}", 0, "expected a value" },
    { "{}{}", 2, "expected the end" },
    { "{} x", 3, "expected the end" },
    { "{\"x\":1,}", 7, "expected the name" },
    { "{,}", 1, "expected the name" },
    { "{x:1}", 1, "expected the name" },
    { "{'x':1}", 1, "expected the name" },
    { "{\"x\" 1}", 5, "expected ':'" },
    { "{\"x\":}", 5, "expected a value" },
    { "{\"x\":1 \"y\":2}", 7, "expected ',' or '}'" },
    { "{\"x\":[1,]}", 8, "expected a value" },
    { "{\"x\":[,1]}", 6, "expected a value" },
    { "{\"x\":[1 2]}", 8, "expected ',' or ']'" },
    { "{\"x\":[1}", 7, "expected ',' or ']'" },
    { "{\"x\":{\"y\":1]", 11, "expected ',' or '}'" },
    { "{\"x\":01}", 5, "not a number" },
    { "{\"x\":-}", 5, "not a number" },
    { "{\"x\":1.}", 5, "not a number" },
    { "{\"x\":.5}", 5, "expected a value" },
    { "{\"x\":1e}", 5, "not a number" },
    { "{\"x\":1e+}", 5, "not a number" },
    { "{\"x\":+1}", 5, "expected a value" },
    { "{\"x\":0x10}", 6, "expected ',' or '}'" },
    { "{\"x\":NaN}", 5, "expected a value" },
    { "{\"x\":Infinity}", 5, "expected a value" },
    { "{\"x\":-Infinity}", 5, "not a number" },
    { "{\"x\":nul}", 5, "expected a value" },
    { "{\"x\":True}", 5, "expected a value" },
    { "{\"x\":truex}", 9, "expected ',' or '}'" },
    { "{\"x\":1} // no", 8, "expected the end" },
    { "{/**/}", 1, "expected the name" },
    { "{\"x\":\"a", 7, "closing quote" },
    { "{\"x\":\"\\", 6, "unknown escape" },
    { "{\"x\":\"\\x41\"}", 6, "unknown escape" },
    { "{\"x\":\"\\u12\"}", 6, "four hexadecimal" },
    { "{\"x\":\"\\u00g0\"}", 6, "four hexadecimal" },
    { "{\"x\":\"\\u0000\"}", 6, "\\u0000" },
    { "{\"x\":\"\\ud800\"}", 6, "low surrogate" },
    { "{\"x\":\"\\ud800\\u0041\"}", 6, "low surrogate" },
    { "{\"x\":\"\\ud800x\"}", 6, "low surrogate" },
    { "{\"x\":\"\\udc00\"}", 6, "no high surrogate" },
    { "{\"x\":\"a\nb\"}", 7, "control character" },
    { "{\"x\":\"a\tb\"}", 7, "control character" },
    { "{\"x\":\"\x1F\"}", 6, "control character" },
    { "{\"x\":\"\x80\"}", 6, "UTF-8" },
    { "{\"x\":\"\xC0\xAF\"}", 6, "UTF-8" },
    { "{\"x\":\"\xC1\xBF\"}", 6, "UTF-8" },
    { "{\"x\":\"\xC3\"}", 6, "UTF-8" },
    { "{\"x\":\"\xE0\x80\x80\"}", 6, "UTF-8" },
    { "{\"x\":\"\xED\xA0\x80\"}", 6, "UTF-8" },
    { "{\"x\":\"\xE2\x82\"}", 6, "UTF-8" },
    { "{\"x\":\"\xF0\x80\x80\x80\"}", 6, "UTF-8" },
    { "{\"x\":\"\xF4\x90\x80\x80\"}", 6, "UTF-8" },
    { "{\"x\":\"\xF5\x80\x80\x80\"}", 6, "UTF-8" },
    { "\xEF\xBB\xBF{}", 0, "expected a value" },
};

TEST("all of RFC 8259 is accepted where nobody declares it")
{
    for (size_t i = 0; i < sizeof accepted / sizeof accepted[0]; i++) {
        struct bench *b = bench();
        Any any;
        if (PARSE(b, Any, accepted[i], &any) != 0)
            test_fail(TEST_AT, "refused: %s", accepted[i]);
        rota_arena_fini(&b->arena);
    }
}

TEST("broken JSON is refused with its place and what was expected")
{
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct bench *b = bench();
        Any any;
        if (PARSE(b, Any, refused[i].text, &any) != -EBADMSG)
            test_fail(TEST_AT, "accepted: %s", refused[i].text);
        CHECK_INT(b->errors.len, 1);
        const rota_error *e = &b->errors.at[0];
        if (e->offset != refused[i].offset)
            test_fail(TEST_AT, "%s: at %zu, not %zu", refused[i].text,
                      e->offset, refused[i].offset);
        CHECK_HAS(e->msg.ptr, refused[i].says);
        CHECK_STR(e->in, "body");
        CHECK_STR(e->type, "json_invalid");
        rota_arena_fini(&b->arena);
    }
}

TEST("what is refused in a skipped value is refused in a declared one")
{
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct bench *b = bench();
        char text[64];
        if (strncmp(refused[i].text, "{\"x\":\"", 6) != 0)
            continue;
        snprintf(text, sizeof text, "%s", refused[i].text);
        text[2] = 's';
        Any any;
        CHECK_INT(PARSE(b, Any, text, &any), -EBADMSG);
        CHECK_INT(b->errors.at[0].offset, refused[i].offset);
        rota_arena_fini(&b->arena);
    }
}

TEST("every truncation of a document is broken JSON, and none crashes")
{
    const char text[] = "{\"i\":-12,\"s\":\"a\\u00e9\\ud83d\\ude00\",\"li\":"
                        "[1,2],\"la\":[{\"city\":\"c\",\"zip\":\"12345\"}],"
                        "\"x\":{\"y\":[null,1.5e3]},\"b\":true}";
    for (size_t n = 0; n < sizeof text - 1; n++) {
        struct bench *b = bench();
        Any any;
        /* A copy of its own, so that a sanitizer sees reads beyond it. */
        char *exact = malloc(n);
        memcpy(exact, text, n);
        int rc = rota_json_parse(&b->arena, &rota_type_Any,
                                 (rota_str){ exact, n }, &any, &b->errors);
        CHECK_INT(rc, -EBADMSG);
        free(exact);
        rota_arena_fini(&b->arena);
    }
}

TEST("line, column and offset of broken JSON are told")
{
    struct bench *b = bench();
    Any any;

    CHECK_INT(PARSE(b, Any, "{\n  \"i\": 1,\n  \"b\": flase\n}", &any),
              -EBADMSG);
    CHECK_INT(b->errors.at[0].line, 3);
    CHECK_INT(b->errors.at[0].column, 8);
    CHECK_INT(b->errors.at[0].offset, 19);
}

/* `depth` lists inside the member x. */
static int parse_nested(size_t depth)
{
    struct bench *b = bench();
    char *text = malloc(depth * 2 + 16);
    Any any;

    char *p = text + sprintf(text, "{\"x\":");
    memset(p, '[', depth);
    memset(p + depth, ']', depth);
    strcpy(p + 2 * depth, "}");
    int rc = PARSE(b, Any, text, &any);
    free(text);
    rota_arena_fini(&b->arena);
    return rc;
}

TEST("nesting is taken to its limit and not beyond")
{
    CHECK_INT(parse_nested(ROTA_JSON_DEPTH - 1), 0);
    CHECK_INT(parse_nested(ROTA_JSON_DEPTH), -EBADMSG);
    CHECK_INT(parse_nested(100000), -EBADMSG);
}

TEST("64-bit integers are exact, and refused one beyond their ends")
{
    struct bench *b = bench();
    Any any;

    CHECK_INT(PARSE(b, Any,
                    "{\"i\":-2147483648,\"u\":4294967295,"
                    "\"l\":-9223372036854775808,"
                    "\"m\":18446744073709551615,"
                    "\"li\":[9223372036854775807,9007199254740993]}",
                    &any),
              0);
    CHECK(any.i == INT32_MIN && any.u == UINT32_MAX);
    CHECK(any.l == INT64_MIN && any.m == UINT64_MAX);
    CHECK(any.li.at[0] == INT64_MAX && any.li.at[1] == 9007199254740993);
    CHECK_INT(PARSE(b, Any,
                    "{\"i\":2147483648,\"u\":4294967296,"
                    "\"l\":9223372036854775808,"
                    "\"m\":18446744073709551616,"
                    "\"li\":[-9223372036854775809]}",
                    &any),
              -EINVAL);
    CHECK_INT(b->errors.len, 5);
    CHECK_ERROR(b, "i", "int_range",
                "must be between -2147483648 and 2147483647");
    CHECK_ERROR(b, "m", "int_range",
                "must be between 0 and 18446744073709551615");
}

TEST("an integer may be written with a fraction only when it is whole")
{
    static const struct {
        const char *text;
        int64_t value;
    } whole[] = {
        { "5.0", 5 },
        { "1e2", 100 },
        { "-0", 0 },
        { "-0.0e5", 0 },
        { "1200e-2", 12 },
        { "0e999999999999999999999", 0 },
        { "9223372036854775807.000", INT64_MAX },
        { "0.000000000000000000000005e24", 5 },
        { "922337203685477580700000000000000000000000e-23", INT64_MAX },
    };
    static const char *const broken[] = { "5.5",
                                          "1e-1",
                                          "1e19",
                                          "1e400",
                                          "0.00000000000000000000001",
                                          "1.00000000000000000000001",
                                          "1e999999999999999999999" };
    char text[96];
    Any any;

    for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++) {
        struct bench *b = bench();
        snprintf(text, sizeof text, "{\"l\":%s}", whole[i].text);
        CHECK_INT(PARSE(b, Any, text, &any), 0);
        CHECK_INT(any.l, whole[i].value);
    }
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        struct bench *b = bench();
        snprintf(text, sizeof text, "{\"l\":%s}", broken[i]);
        CHECK_INT(PARSE(b, Any, text, &any), -EINVAL);
    }
}

TEST("doubles are read to the last bit, and refused when too large")
{
    static const char *const numbers[] = {
        "0.1",
        "1e23",
        "123456789012345678",
        "4.9e-324",
        "1e-400",
        "-0.0",
        "1.7976931348623157e308",
        "2.2250738585072011e-308",
        "0.1000000000000000055511151231257827021181583404541015625",
        "9007199254740993",
        "1e22",
        "1e-22",
        "8.5",
        "179769313486231570000e288"
    };
    struct bench *b = bench();
    char text[96];
    Any any;

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        snprintf(text, sizeof text, "{\"d\":%s}", numbers[i]);
        CHECK_INT(PARSE(b, Any, text, &any), 0);
        double want = strtod(numbers[i], NULL);
        if (memcmp(&any.d, &want, sizeof want) != 0)
            test_fail(TEST_AT, "%s is %.17g", numbers[i], any.d);
    }
    CHECK_INT(PARSE(b, Any, "{\"d\":1e400}", &any), -EINVAL);
    CHECK_ERROR(b, "d", "float_range", "is too large");
}

TEST("a member given twice is an error, also when spelt with an escape")
{
    struct bench *b = bench();
    Any any;

    CHECK_INT(PARSE(b, Any, "{\"i\":1,\"\\u0069\":2}", &any), -EINVAL);
    CHECK_ERROR(b, "i", "duplicate", "was given twice");
}

TEST("escapes and UTF-8 become what they mean")
{
    struct bench *b = bench();
    Any any;

    CHECK_INT(PARSE(b, Any,
                    "{\"s\":\"\\u0041\\u00e9\\u20ac\\ud83d\\ude00\\/\\b\\n\"}",
                    &any),
              0);
    CHECK_TEXT(any.s, "A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80/\b\n");
}

TEST("nothing in the struct points into the text")
{
    struct bench *b = bench();
    char text[] = "{\"s\":\"plain\",\"ls\":[\"a\",\"b\"],\"c\":\"blue\"}";
    Any any;

    CHECK_INT(PARSE(b, Any, text, &any), 0);
    memset(text, 'X', sizeof text);
    CHECK_TEXT(any.s, "plain");
    CHECK_TEXT(any.ls.at[1], "b");
    CHECK_INT(any.c, Color_blue);
}

static const char *dump(struct bench *b, const rota_type *type, const void *v)
{
    rota_str out;

    CHECK_INT(rota_json_dump(&b->arena, type, v, &out), 0);
    CHECK_INT(strlen(out.ptr), out.len);
    return out.ptr;
}

TEST("what is written reads back as the same")
{
    const char text[] =
        "{\"i\":-7,\"u\":7,\"l\":-9223372036854775808,"
        "\"m\":18446744073709551615,\"d\":0.30000000000000004,\"b\":false,"
        "\"s\":\"a\\\"\\\\\\b\\f\\n\\r\\t\\u0001\xC3\xA9 and more\","
        "\"c\":\"green\",\"li\":[],\"ls\":[\"\",\"x\"],"
        "\"la\":[{\"city\":\"c\",\"zip\":\"00000\"}],"
        "\"ld\":[1.0,-0.0,1e16,1e300,5e-324,0.001,0.0001,1e-5,123456.75]}";
    struct bench *b = bench();
    Any any;

    CHECK_INT(PARSE(b, Any, text, &any), 0);
    CHECK_STR(dump(b, &rota_type_Any, &any),
              "{\"i\":-7,\"u\":7,\"l\":-9223372036854775808,"
              "\"m\":18446744073709551615,\"d\":0.30000000000000004,"
              "\"b\":false,\"s\":\"a\\\"\\\\\\b\\f\\n\\r\\t\\u0001\xC3\xA9 and "
              "more\",\"c\":\"green\",\"li\":[],\"ls\":[\"\",\"x\"],"
              "\"la\":[{\"city\":\"c\",\"zip\":\"00000\"}],"
              "\"ld\":[1.0,-0.0,1e16,1e300,5e-324,0.001,0.0001,1e-5,"
              "123456.75]}");
}

TEST("a long string with escapes everywhere survives")
{
    struct bench *b = bench();
    char raw[5000];
    Any any = { 0 }, back;
    rota_str out;

    for (size_t i = 0; i < sizeof raw; i++)
        raw[i] = (char)(1 + i % 127);
    any.s = (rota_str){ raw, sizeof raw };
    any.has.s = true;
    CHECK_INT(rota_json_dump(&b->arena, &rota_type_Any, &any, &out), 0);
    CHECK_INT(
        rota_json_parse(&b->arena, &rota_type_Any, out, &back, &b->errors), 0);
    CHECK(rota_str_eq(any.s, back.s));
}

TEST("what cannot be JSON is not written")
{
    struct bench *b = bench();
    rota_str out;
    Any nan = { .d = NAN, .has.d = true };
    Any inf = { .d = -INFINITY, .has.d = true };
    Any text = { .s = ROTA_STR("a\xFF"), .has.s = true };
    Any cut = { .s = ROTA_STR("\xE2\x82"), .has.s = true };
    Any color = { .c = (Color)9, .has.c = true };
    const Any *bad[] = { &nan, &inf, &text, &cut, &color };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK_INT(rota_json_dump(&b->arena, &rota_type_Any, bad[i], &out),
                  -EINVAL);
}
