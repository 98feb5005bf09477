/*
 * Another reader as the judge: jansson and rota must agree on which of many
 * generated texts are JSON, and on the values.
 */
#include <jansson.h>
#include <stdint.h>

#include "models.h"

static uint64_t seed = 88172645463325252u;

static unsigned below(unsigned n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed >> 33) % n;
}

struct text {
    char at[4096];
    size_t len;
};

static void put(struct text *t, const char *s)
{
    size_t n = strlen(s);

    if (t->len + n >= sizeof t->at)
        return;
    memcpy(t->at + t->len, s, n + 1);
    t->len += n;
}

static void put_any_number(struct text *t)
{
    static const char *const numbers[] = { "0",
                                           "-0",
                                           "1",
                                           "-17",
                                           "3.25",
                                           "1e5",
                                           "1E-3",
                                           "123456789",
                                           "0.1",
                                           "1e22",
                                           "9007199254740993",
                                           "2.5e-8",
                                           "-1.0",
                                           "100" };
    put(t, numbers[below(sizeof numbers / sizeof numbers[0])]);
}

static void put_any_string(struct text *t)
{
    static const char *const parts[] = { "a",
                                         "bc",
                                         " ",
                                         "\\n",
                                         "\\\"",
                                         "\\\\",
                                         "\\/",
                                         "\\u00e9",
                                         "\\ud83d\\ude00",
                                         "\xC3\xA9",
                                         "\xE2\x82\xAC",
                                         "\xF0\x9F\x98\x80",
                                         "a longer piece of plain text",
                                         "\\u0001",
                                         "\x7F" };
    put(t, "\"");
    for (unsigned n = below(5); n > 0; n--)
        put(t, parts[below(sizeof parts / sizeof parts[0])]);
    put(t, "\"");
}

static void put_any_value(struct text *t, unsigned depth)
{
    static const char *const words[] = { "true", "false", "null" };

    switch (below(depth ? 6 : 4)) {
    case 0: put_any_number(t); return;
    case 1:
    case 2: put_any_string(t); return;
    case 3: put(t, words[below(3)]); return;
    case 4:
        put(t, "[");
        for (unsigned i = 0, n = below(4); i < n; i++) {
            put(t, i ? " , " : "");
            put_any_value(t, depth - 1);
        }
        put(t, "]");
        return;
    default:
        put(t, "{ ");
        for (unsigned i = 0, n = below(4); i < n; i++) {
            put(t, i ? "," : "");
            put(t, &"\"a\":\0\"b\":\0\"c\":\0\"d\":"[i * 5]);
            put_any_value(t, depth - 1);
        }
        put(t, "}\n");
    }
}

/* Half of the texts are broken by a change of one byte. */
static void break_text(struct text *t)
{
    static const char odd[] = "{}[]\",:\\0-.eE \x01\x80\xFFtu";
    size_t at = below((unsigned)t->len);

    switch (below(3)) {
    case 0: t->at[at] = odd[below(sizeof odd - 1)]; return;
    case 1:
        memmove(t->at + at, t->at + at + 1, t->len - at);
        t->len--;
        return;
    default: t->len = at;
    }
}

/* Ours is stricter in three things that a change of one byte can reach. */
static bool differs_by_design(const rota_errors *e, const json_error_t *theirs)
{
    const char *msg = e->len ? e->at[0].msg.ptr : "";

    /* jansson refuses numbers beyond its own range and NUL in names. */
    return strstr(msg, "\\u0000") || strstr(theirs->text, "too big") ||
           strstr(theirs->text, "overflow") || strstr(theirs->text, "NUL");
}

TEST("rota and jansson agree on what is JSON")
{
    int rounds = test_sanitized() ? 20000 : 200000;
    int good = 0, bad = 0;

    for (int i = 0; i < rounds; i++) {
        struct bench *b = bench();
        struct text t = { .len = 0 };
        put(&t, "{\"unknown\":");
        put_any_value(&t, 4);
        put(&t, "}");
        if (i % 2)
            break_text(&t);
        Any any;
        json_error_t error = { .text = "" };
        json_t *theirs = json_loadb(t.at, t.len, JSON_DECODE_ANY, &error);
        int rc = rota_json_parse(&b->arena, &rota_type_Any,
                                 (rota_str){ t.at, t.len }, &any, &b->errors);
        bool ours = rc != -EBADMSG;
        if (ours != (theirs != NULL) && !differs_by_design(&b->errors, &error))
            test_fail(TEST_AT, "rota %d, jansson \"%s\": %.*s", rc, error.text,
                      (int)t.len, t.at);
        good += ours;
        bad += !ours;
        json_decref(theirs);
        rota_arena_fini(&b->arena);
    }
    /* Neither side may win by refusing or taking all. */
    CHECK(good > rounds / 4 && bad > rounds / 8);
}

static void check_same(const Any *any, const json_t *o)
{
    CHECK_INT(any->l, json_integer_value(json_object_get(o, "l")));
    CHECK(any->d == json_number_value(json_object_get(o, "d")));
    const json_t *s = json_object_get(o, "s");
    CHECK_TEXT(any->s, json_string_value(s));
    const json_t *ls = json_object_get(o, "ls");
    CHECK_INT(any->ls.len, json_array_size(ls));
    for (size_t i = 0; i < any->ls.len; i++)
        CHECK_TEXT(any->ls.at[i], json_string_value(json_array_get(ls, i)));
}

TEST("rota and jansson read the same values, also what rota wrote")
{
    int rounds = test_sanitized() ? 5000 : 50000;

    for (int i = 0; i < rounds; i++) {
        struct bench *b = bench();
        struct text t = { .len = 0 };
        char number[64];
        Any any;
        rota_str out;
        snprintf(number, sizeof number, "{\"l\":%d,\"d\":%d.%ue%d,\"s\":",
                 (int)below(1u << 31) - (1 << 30), (int)below(1000) - 500,
                 below(100000), (int)below(40) - 20);
        put(&t, number);
        put_any_string(&t);
        put(&t, ",\"ls\":[");
        for (unsigned k = 0, n = below(4); k < n; k++) {
            put(&t, k ? "," : "");
            put_any_string(&t);
        }
        put(&t, "]}");
        CHECK_INT(PARSE(b, Any, t.at, &any), 0);
        json_t *theirs = json_loads(t.at, 0, NULL);
        check_same(&any, theirs);
        json_decref(theirs);
        CHECK_INT(rota_json_dump(&b->arena, &rota_type_Any, &any, &out), 0);
        theirs = json_loadb(out.ptr, out.len, 0, NULL);
        CHECK(theirs);
        check_same(&any, theirs);
        json_decref(theirs);
        rota_arena_fini(&b->arena);
    }
}
