/*
 * Any bytes as the parameters of a request: the first line is the query, the
 * second the Cookie header, the third another header, the rest the body. What
 * must hold: the verdict fits the errors; every string that was accepted is
 * UTF-8 that JSON can carry, and within its limits.
 */
#include <errno.h>
#include <string.h>

#include "fuzz.h"
#include "model/json.h"
#include "model/params.h"

ROTA_ENUM(Shade, light, dark);
ROTA_MODEL(Leaf, (str, s, min_len(1), max_len(8)), (i64, n, def(7)));
ROTA_PARAMS(All, query(str, q, optional, max_len(20)),
            query(str_list, tag, optional, unique),
            query(i64_list, n, optional, ge(0), max_items(4)),
            query(i32, page, def(1), ge(1)), query(bool, all, optional),
            query(f64, min, optional), query(Shade, shade, optional),
            header(str, x_token, optional), cookie(str, session, optional),
            cookie(u32, visits, optional), body(Leaf_list, leaves, optional));

/* Cuts off the first line. */
static rota_str next_line(rota_str *rest)
{
    const char *end = rest->len ? memchr(rest->ptr, '\n', rest->len) : NULL;
    rota_str line = { rest->ptr, end ? (size_t)(end - rest->ptr) : rest->len };
    size_t taken = line.len + (end != NULL);

    *rest = (rota_str){ rest->ptr + taken, rest->len - taken };
    return line;
}

static int find_header(void *request, rota_str name, rota_str *value)
{
    const rota_str *lines = request; /* cookie, x-token */

    if (rota_str_eq(name, ROTA_STR("Cookie")))
        *value = lines[0];
    else if (rota_str_eq(name, ROTA_STR("x-token")))
        *value = lines[1];
    else
        return false;
    return true;
}

static void check_text(rota_str s)
{
    struct buf out = { 0 };

    FUZZ_CHECK(json_write_str(&out, s) == 0);
    buf_fini(&out);
}

static void check_accepted(const All *in)
{
    check_text(in->q);
    check_text(in->x_token);
    check_text(in->session);
    for (size_t i = 0; i < in->tag.len; i++)
        check_text(in->tag.at[i]);
    FUZZ_CHECK(in->n.len <= 4);
    for (size_t i = 0; i < in->n.len; i++)
        FUZZ_CHECK(in->n.at[i] >= 0);
    FUZZ_CHECK(in->page >= 1 && (in->has.page || in->page == 1));
    for (size_t i = 0; i < in->leaves.len; i++) {
        check_text(in->leaves.at[i].s);
        FUZZ_CHECK(in->leaves.at[i].s.len >= 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    rota_str rest = { (const char *)bytes, size }, headers[2];
    rota_errors errors = { 0 };
    rota_arena a;
    All in;

    rota_arena_init(&a, NULL, 0);
    struct params_source src = { .query = next_line(&rest),
                                 .header = find_header,
                                 .request = headers };
    headers[0] = next_line(&rest);
    headers[1] = next_line(&rest);
    src.has_body = src.body_is_json = rest.len > 0;
    src.body = rest;
    int rc = params_parse(&a, &rota_type_All, &src, &in, &errors);
    FUZZ_CHECK(rc == 0 || rc == -EINVAL || rc == -EBADMSG);
    FUZZ_CHECK((errors.len > 0) == (rc != 0));
    if (rc == 0)
        check_accepted(&in);
    rota_arena_fini(&a);
    return 0;
}
