/*
 * Parameters: each source, and all of them in one list of errors.
 */
#include <strings.h>

#include "model/params.h"
#include "models.h"

ROTA_PARAMS(GetItem, path(i64, item_id, ge(1), doc("Item number")),
            query(str, q, optional, max_len(50)),
            header(str, x_token, optional, name("X-Token")),
            header(i32, max_forwards, optional),
            cookie(str, session, optional));
ROTA_PARAMS(Search, query(str, q, optional), query(str_list, tag, optional),
            query(i32_list, n, optional, ge(0), max_items(2)),
            query(i64, page, def(1), ge(1)), query(bool, all, def(false)),
            query(f64, min, optional), query(Color, color, optional),
            query(str, from, optional, name("from-date")));
ROTA_PARAMS(CreateItem, path(str, shop), body(Item, item));
ROTA_PARAMS(Patch, body(i64_list, ids, optional, max_items(3)));
ROTA_MODEL(Login, (str, user), (str, password, secret));
ROTA_PARAMS(DoLogin, header(str, authorization, secret, min_len(5)),
            body(Login, login));

struct headers {
    const char *names[4];
    const char *values[4];
};

static int find_header(void *request, rota_str name, rota_str *value)
{
    const struct headers *h = request;

    for (size_t i = 0; i < 4 && h->names[i]; i++) {
        if (strlen(h->names[i]) != name.len ||
            strncasecmp(h->names[i], name.ptr, name.len) != 0)
            continue;
        *value = rota_str_of(h->values[i]);
        return true;
    }
    return false;
}

#define PARAMS(b, T, src, out) \
    params_parse(&(b)->arena, &rota_type_##T, (src), (out), &(b)->errors)

#define SEARCH(b, text, out) \
    PARAMS(b, Search, (&(struct params_source){ .query = ROTA_STR(text) }), out)

TEST("each parameter comes from its own source")
{
    struct bench *b = bench();
    struct params_pair path[] = { { ROTA_STR("item_id"), ROTA_STR("42") } };
    struct headers h = { { "x-token", "max-forwards", "cookie" },
                         { "t", "7", "a=1; session=\"s e\"; session=no" } };
    struct params_source src = { .path = path,
                                 .path_len = 1,
                                 .query = ROTA_STR("q=a%20b+c"),
                                 .header = find_header,
                                 .request = &h };
    GetItem in;

    CHECK_INT(PARAMS(b, GetItem, &src, &in), 0);
    CHECK_INT(in.item_id, 42);
    CHECK_TEXT(in.q, "a b c");
    CHECK_TEXT(in.x_token, "t");
    CHECK_INT(in.max_forwards, 7);
    CHECK_TEXT(in.session, "s e");
    CHECK(in.has.item_id && in.has.q && in.has.x_token && in.has.session);
}

TEST("what is not sent is absent, or its default")
{
    struct bench *b = bench();
    Search in;

    CHECK_INT(SEARCH(b, "", &in), 0);
    CHECK(!in.has.q && !in.has.tag && !in.has.page && in.tag.len == 0);
    CHECK_INT(in.page, 1);
    CHECK_INT(SEARCH(b, "&&&x=1&=2&qq=3&Q=4", &in), 0);
    CHECK(!in.has.q);
}

TEST("a key that repeats is a list, and an error for a scalar")
{
    struct bench *b = bench();
    Search in;

    CHECK_INT(SEARCH(b, "tag=a&n=1&tag=&tag=b%26c&n=2&tag", &in), 0);
    CHECK_INT(in.tag.len, 4);
    CHECK_TEXT(in.tag.at[0], "a");
    CHECK_TEXT(in.tag.at[1], "");
    CHECK_TEXT(in.tag.at[2], "b&c");
    CHECK_TEXT(in.tag.at[3], "");
    CHECK_INT(in.n.at[1], 2);
    CHECK_INT(SEARCH(b, "q=1&q=2", &in), -EINVAL);
    CHECK_ERROR(b, "q", "duplicate", "was given twice");
}

TEST("keys are percent-decoded too, and a broken one matches nothing")
{
    struct bench *b = bench();
    Search in;

    CHECK_INT(SEARCH(b, "%71=x&from%2Ddate=y&%7=1&%zz=2", &in), 0);
    CHECK_TEXT(in.q, "x");
    CHECK_TEXT(in.from, "y");
}

TEST("scalars in a query are read strictly")
{
    static const struct {
        const char *query, *loc, *type, *msg;
    } bad[] = {
        { "page=", "page", "int_parsing", "must be an integer" },
        { "page=x", "page", "int_parsing", "must be an integer" },
        { "page=1x", "page", "int_parsing", "must be an integer" },
        { "page=+1", "page", "int_parsing", "must be an integer" },
        { "page=%201", "page", "int_parsing", "must be an integer" },
        { "page=0x1", "page", "int_parsing", "must be an integer" },
        { "page=1.5", "page", "int_from_float", "must be a whole number" },
        { "page=9223372036854775808", "page", "int_range",
          "must be between -9223372036854775808 and 9223372036854775807" },
        { "page=0", "page", "greater_than_equal", "must be at least 1" },
        { "all=yes", "all", "bool_parsing", "must be true or false" },
        { "all=True", "all", "bool_parsing", "must be true or false" },
        { "min=nan", "min", "float_parsing", "must be a number" },
        { "min=inf", "min", "float_parsing", "must be a number" },
        { "min=1e999", "min", "float_range", "is too large" },
        { "color=Red", "color", "enum", "must be red, green or blue" },
        { "q=%", "q", "percent_encoding", "has a broken percent-encoding" },
        { "q=%4", "q", "percent_encoding", "has a broken percent-encoding" },
        { "q=%zz", "q", "percent_encoding", "has a broken percent-encoding" },
        { "q=%ff", "q", "string_unicode", "must be valid UTF-8 without NUL" },
        { "q=%c0%af", "q", "string_unicode",
          "must be valid UTF-8 without NUL" },
        { "q=a%00", "q", "string_unicode", "must be valid UTF-8 without NUL" },
        { "n=1&n=x", "n[1]", "int_parsing", "must be an integer" },
        { "n=1&n=-1", "n[1]", "greater_than_equal", "must be at least 0" },
        { "n=1&n=1&n=1", "n", "too_long", "must have at most 2 items" },
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct bench *b = bench();
        struct params_source src = { .query = rota_str_of(bad[i].query) };
        Search in;
        if (PARAMS(b, Search, &src, &in) != -EINVAL)
            test_fail(TEST_AT, "accepted: %s", bad[i].query);
        CHECK_INT(b->errors.len, 1);
        CHECK_STR(b->errors.at[0].in, "query");
        CHECK_ERROR(b, bad[i].loc, bad[i].type, bad[i].msg);
        rota_arena_fini(&b->arena);
    }
}

TEST("good scalars in a query are taken")
{
    struct bench *b = bench();
    Search in;

    CHECK_INT(SEARCH(b, "page=5.0&all=1&min=-2.5e-3&color=blue&q=%C3%A9", &in),
              0);
    CHECK_INT(in.page, 5);
    CHECK(in.all && in.min == -2.5e-3 && in.color == Color_blue);
    CHECK_TEXT(in.q, "\xC3\xA9");
    CHECK_INT(SEARCH(b, "all=true", &in), 0);
    CHECK(in.all);
    CHECK_INT(SEARCH(b, "all=false", &in), 0);
    CHECK(!in.all && in.has.all);
}

static int no_memory(void *request, rota_str name, rota_str *value)
{
    (void)request;
    (void)name;
    (void)value;
    return -ENOMEM;
}

ROTA_PARAMS(MayLogin, header(str, authorization, optional));
ROTA_PARAMS(MayKnow, cookie(str, session, optional));

TEST("a header that there is no memory for is not one that was not sent")
{
    struct bench *b = bench();
    struct params_source src = { .header = no_memory };
    MayLogin login;
    MayKnow know;

    CHECK_INT(PARAMS(b, MayLogin, &src, &login), -ENOMEM);
    CHECK_INT(PARAMS(b, MayKnow, &src, &know), -ENOMEM);
}

TEST("errors of path, query, header and body are in one list")
{
    struct bench *b = bench();
    struct params_pair path[] = { { ROTA_STR("item_id"), ROTA_STR("0") } };
    struct headers h = { { "Max-Forwards" }, { "many" } };
    struct params_source src = { .path = path,
                                 .path_len = 1,
                                 .query = ROTA_STR("q=1&q=2"),
                                 .header = find_header,
                                 .request = &h };
    GetItem in;

    CHECK_INT(PARAMS(b, GetItem, &src, &in), -EINVAL);
    CHECK_INT(b->errors.len, 3);
    CHECK_STR(b->errors.at[0].in, "path");
    CHECK_TEXT(b->errors.at[0].value, "0");
    CHECK_STR(b->errors.at[1].in, "query");
    CHECK_STR(b->errors.at[2].in, "header");
    CHECK_ERROR(b, "max-forwards", "int_parsing", "must be an integer");

    struct params_source create = { .has_body = true,
                                    .body_is_json = true,
                                    .body = ROTA_STR("{\"name\":\"\"}") };
    CreateItem made;
    b->errors = (rota_errors){ 0 };
    CHECK_INT(PARAMS(b, CreateItem, &create, &made), -EINVAL);
    CHECK_INT(b->errors.len, 3);
    CHECK_ERROR(b, "shop", "missing", "is required");
    CHECK_ERROR(b, "name", "string_too_short",
                "must have at least 1 character");
    CHECK_STR(error_at(b, "price")->in, "body");
}

TEST("a body is read; one that is broken is told alone")
{
    struct bench *b = bench();
    struct params_pair path[] = { { ROTA_STR("shop"), ROTA_STR("s") } };
    struct params_source src = {
        .path = path,
        .path_len = 1,
        .has_body = true,
        .body_is_json = true,
        .body = ROTA_STR("{\"name\":\"lamp\",\"price\":1}"),
    };
    CreateItem in;

    CHECK_INT(PARAMS(b, CreateItem, &src, &in), 0);
    CHECK(in.has.item && in.item.has.name && in.item.in_stock);
    CHECK_TEXT(in.item.name, "lamp");
    src.body = ROTA_STR("{\"name\":");
    src.path_len = 0;
    CHECK_INT(PARAMS(b, CreateItem, &src, &in), -EBADMSG);
    CHECK_INT(b->errors.len, 1);
    CHECK_INT(b->errors.at[0].column, 9);
}

TEST("a body that is missing or not JSON is an error where one is required")
{
    struct bench *b = bench();
    struct params_source src = { 0 };
    CreateItem in;
    Patch patch;

    CHECK_INT(PARAMS(b, CreateItem, &src, &in), -EINVAL);
    CHECK_ERROR(b, "", "missing", "is required");
    CHECK_STR(error_at(b, "")->in, "body");
    CHECK_INT(PARAMS(b, Patch, &src, &patch), 0);
    CHECK(!patch.has.ids);
    b->errors = (rota_errors){ 0 };
    src.has_body = true;
    src.body = ROTA_STR("{}");
    CHECK_INT(PARAMS(b, CreateItem, &src, &in), -EINVAL);
    CHECK_ERROR(b, "", "content_type", "must be sent as application/json");
}

TEST("constraints of a body parameter are those of its list")
{
    struct bench *b = bench();
    struct params_source src = { .has_body = true,
                                 .body_is_json = true,
                                 .body = ROTA_STR("[1,2,3,4]") };
    Patch in;

    CHECK_INT(PARAMS(b, Patch, &src, &in), -EINVAL);
    CHECK_ERROR(b, "", "too_long", "must have at most 3 items");
}

TEST("secrets of a header and of a body are not shown")
{
    struct bench *b = bench();
    struct headers h = { { "Authorization" }, { "pw" } };
    struct params_source src = { .header = find_header,
                                 .request = &h,
                                 .has_body = true,
                                 .body_is_json = true,
                                 .body = ROTA_STR("{\"user\":[\"pw\"],"
                                                  "\"password\":12}") };
    DoLogin in;

    CHECK_INT(PARAMS(b, DoLogin, &src, &in), -EINVAL);
    CHECK_INT(b->errors.len, 3);
    for (size_t i = 0; i < b->errors.len; i++)
        CHECK_INT(b->errors.at[i].value.len, 0);
}

TEST("None takes any request")
{
    struct bench *b = bench();
    struct params_source src = { .query = ROTA_STR("a=b") };
    None in;

    CHECK_INT(PARAMS(b, None, &src, &in), 0);
}

TEST("cookies are found among odd neighbours")
{
    static const struct {
        const char *cookies, *want;
    } v[] = {
        { "session=a", "a" },
        { ";;session=a;", "a" },
        { "Session=b; session=a", "a" },
        { "xsession=b;session = a ", "a" },
        { "session", NULL },
        { "session=", "" },
        { "session=\"\"", "" },
        { "session=\"", "\"" },
        { "session=a=b=c", "a=b=c" },
        { "", NULL },
    };

    for (size_t i = 0; i < sizeof v / sizeof v[0]; i++) {
        struct bench *b = bench();
        struct params_pair path[] = { { ROTA_STR("item_id"), ROTA_STR("1") } };
        struct headers h = { { "cookie" }, { v[i].cookies } };
        struct params_source src = {
            .path = path, .path_len = 1, .header = find_header, .request = &h
        };
        GetItem in;
        CHECK_INT(PARAMS(b, GetItem, &src, &in), 0);
        CHECK_INT(in.has.session, v[i].want != NULL);
        if (v[i].want)
            CHECK_TEXT(in.session, v[i].want);
        rota_arena_fini(&b->arena);
    }
}
