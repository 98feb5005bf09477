/*
 * Any bytes as JSON of a model that has a bit of everything. What must hold:
 * the verdict is one of those that are documented and comes with its errors;
 * what was accepted is written as JSON that is accepted again, and is then
 * written the same: parse and write reach a fixed point.
 */
#include <errno.h>
#include <string.h>

#include "fuzz.h"
#include "rota/json.h"

ROTA_ENUM(Shade, light, dark);
ROTA_MODEL(Leaf, (str, s, min_len(1), max_len(8)), (i64, n, def(7)));
ROTA_MODEL_STRICT(Tight, (bool, on), (u64, m, optional, ge(3)));
ROTA_MODEL(Tree, (i32, i, optional, ge(-5)), (u32, u, optional),
           (i64, l, optional, multiple_of(3)), (u64, m, optional),
           (f64, d, optional, nullable), (bool, b, optional),
           (str, s, optional, nullable), (str, p, optional, pattern("^a+b")),
           (str, f, optional, format("date-time")), (Shade, c, optional),
           (i64_list, li, optional, unique, max_items(6)),
           (f64_list, ld, optional), (str_list, ls, optional, max_len(5)),
           (Leaf_list, leaves, optional), (Tight, tight, optional),
           (str, t, optional, name("@type")));

static void check_errors(int rc, const rota_errors *e, size_t size)
{
    FUZZ_CHECK(e->len <= ROTA_ERRORS_MAX);
    FUZZ_CHECK((e->len > 0) == (rc != 0));
    FUZZ_CHECK(rc != -EBADMSG || (e->len == 1 && e->dropped == 0));
    for (size_t i = 0; i < e->len; i++) {
        FUZZ_CHECK(e->at[i].type && e->at[i].msg.len > 0);
        FUZZ_CHECK(e->at[i].value.len <= 100);
        FUZZ_CHECK(e->at[i].offset <= size);
        FUZZ_CHECK((e->at[i].line > 0) == (rc == -EBADMSG));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    rota_arena a;
    rota_errors errors = { 0 };
    rota_str text = { (const char *)bytes, size }, once, twice;
    Tree tree, again;

    rota_arena_init(&a, NULL, 0);
    int rc = rota_json_parse(&a, &rota_type_Tree, text, &tree, &errors);
    FUZZ_CHECK(rc == 0 || rc == -EBADMSG || rc == -EINVAL);
    check_errors(rc, &errors, size);
    if (rc == 0) {
        FUZZ_CHECK(rota_json_dump(&a, &rota_type_Tree, &tree, &once) == 0);
        FUZZ_CHECK(rota_json_parse(&a, &rota_type_Tree, once, &again, NULL) ==
                   0);
        FUZZ_CHECK(rota_json_dump(&a, &rota_type_Tree, &again, &twice) == 0);
        FUZZ_CHECK(rota_str_eq(once, twice));
    }
    rota_arena_fini(&a);
    return 0;
}
