/*
 * No memory: each allocation of a scenario fails once, in turn, until the
 * scenario gets through. Linked with --wrap=malloc and --wrap=calloc.
 */
#include "model/json.h"
#include "model/params.h"
#include "models.h"

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

static int left = -1; /* allocations until one fails, -1: none does */

static bool fails(void)
{
    return left >= 0 && left-- == 0;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}

/* Runs it until it succeeds with `want`; every failure is -ENOMEM. */
static void until_success(int (*scenario)(void), int want, int least)
{
    int failures = 0;

    for (;; failures++) {
        left = failures;
        int rc = scenario();
        bool failed = left < 0;
        left = -1;
        if (!failed) {
            CHECK_INT(rc, want);
            break;
        }
        CHECK_INT(rc, -ENOMEM);
    }
    CHECK(failures >= least);
}

/* So long that the arena needs several chunks. */
static const char *long_list(const char *item)
{
    static char text[64000];
    size_t n = strlen(item);

    strcpy(text, "[");
    for (size_t at = 1; at + n + 2 < sizeof text; at += n + 1)
        sprintf(text + at, "%s,", item);
    text[strlen(text) - 1] = ']';
    return text;
}

static int parse(const char *text)
{
    rota_arena a;
    rota_errors errors = { 0 };
    Item_list list;

    rota_arena_init(&a, NULL, 0);
    int rc = rota_json_parse(&a, &rota_type_Item_list, rota_str_of(text), &list,
                             &errors);
    rota_arena_fini(&a);
    return rc;
}

static int parse_good(void)
{
    return parse(long_list("{\"name\":\"l\\u00e9mp\",\"price\":1e300,"
                           "\"tags\":[\"a\",\"b\",\"c\",\"d\",\"e\"],"
                           "\"ship_to\":{\"city\":\"c\",\"zip\":\"12345\"}}"));
}

static int parse_bad(void)
{
    return parse(long_list("{\"name\":\"\",\"price\":0,\"tags\":5}"));
}

static int parse_broken(void)
{
    return parse("[{\"name\":");
}

static int dump(void)
{
    static char text[5000];
    rota_arena a;
    rota_str out;

    memset(text, '\n', sizeof text);
    Item it = { .name = { text, sizeof text } };
    rota_arena_init(&a, NULL, 0);
    int rc = rota_json_dump(&a, &rota_type_Item, &it, &out);
    rota_arena_fini(&a);
    return rc;
}

ROTA_PARAMS(Search, query(str, q), query(i64_list, n, optional),
            query(i64, page, ge(1)), header(str, x_token, optional),
            body(Item_list, items));

static int params(void)
{
    rota_arena a;
    rota_errors errors = { 0 };
    struct params_source src = {
        .query = ROTA_STR("q=a%20b&n=1&n=x&page=0"),
        .has_body = true,
        .body_is_json = true,
        .body = rota_str_of(long_list("{\"name\":\"x\",\"price\":1}")),
    };
    Search in;

    rota_arena_init(&a, NULL, 0);
    int rc = params_parse(&a, &rota_type_Search, &src, &in, &errors);
    rota_arena_fini(&a);
    return rc;
}

TEST("parsing survives the failure of any allocation")
{
    until_success(parse_good, 0, 5);
}

TEST("telling errors survives the failure of any allocation")
{
    until_success(parse_bad, -EINVAL, 2);
    until_success(parse_broken, -EBADMSG, 1);
}

TEST("writing survives the failure of any allocation")
{
    until_success(dump, 0, 3);
}

TEST("parameters survive the failure of any allocation")
{
    until_success(params, -EINVAL, 3);
}
