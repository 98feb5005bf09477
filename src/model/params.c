/*
 * Parameters. Each field asks its own source; a request's whole cost is the
 * sum over the fields that its handler declared. An endpoint of one query
 * value stays a few hundred bytes deep, since a parked coroutine pays for
 * every page of stack that was ever touched.
 */
#include "model/params.h"

#include <errno.h>
#include <string.h>

#include "model/json.h"
#include "model/model.h"
#include "model/query.h"
#include "model/valid.h"

struct params {
    rota_arena *arena;
    const struct params_source *src;
    struct model_report report;
};

/* One value of a field: where it came from, and where it goes. */
struct value {
    const rota_field *field;
    const rota_type *type; /* of this value: the field's, or its elements' */
    const struct model_place *place;
    void *out;
};

__attribute__((noinline)) static int report(struct params *p,
                                            const struct model_place *place,
                                            const struct model_fault *fault,
                                            rota_str given)
{
    model_report_add(&p->report, place, fault->type, fault->msg, given);
    return p->report.no_memory ? -ENOMEM : 0;
}

__attribute__((noinline)) static int report_as(struct params *p,
                                               const struct model_place *place,
                                               const char *type,
                                               const char *msg, rota_str given)
{
    return report(p, place, &(struct model_fault){ type, msg }, given);
}

/* Decoded text as a scalar, validated. */
static int take_text(struct params *p, const struct value *v, rota_str text)
{
    struct model_fault fault;
    int rc = model_text_store(p->arena, v->type, text, v->out, &fault);

    if (rc == 0)
        rc = model_valid_scalar(p->arena, v->field, v->type, v->out, &fault);
    return rc > 0 ? report(p, v->place, &fault, text) : rc;
}

static int take_query(struct params *p, const struct value *v, rota_str raw)
{
    rota_str text;
    int rc = query_decode(p->arena, raw, &text);

    if (rc == -EINVAL)
        return report_as(p, v->place, "percent_encoding",
                         "has a broken percent-encoding", raw);
    return rc < 0 ? rc : take_text(p, v, text);
}

static size_t count_query(rota_str query, rota_str key)
{
    rota_str value;
    size_t n = 0;

    while (query_next(&query, key, &value))
        n++;
    return n;
}

/* A key that repeats, as a list. 1: given, 0: not, or an error. Kept out of
 * the frame of those that are no lists. */
__attribute__((noinline)) static int query_list(struct params *p,
                                                const struct value *v,
                                                rota_str key)
{
    struct {
        char *at;
        size_t len;
    } *list = v->out;
    rota_str rest = p->src->query, raw;
    struct model_place place = { .up = v->place };
    struct value next = { v->field, v->type->elem, &place, NULL };
    size_t found = p->report.found, n = count_query(rest, key);
    struct model_fault fault;

    if (n == 0)
        return 0;
    list->at = rota_arena_zalloc(p->arena, n * next.type->size);
    if (!list->at)
        return -ENOMEM;
    for (list->len = n; query_next(&rest, key, &raw); place.index++) {
        next.out = list->at + place.index * next.type->size;
        int rc = take_query(p, &next, raw);
        if (rc < 0)
            return rc;
    }
    if (p->report.found != found)
        return 1;
    int rc = model_valid_list(p->arena, v->field, v->type, list, &fault);
    if (rc > 0)
        rc = report(p, v->place, &fault, (rota_str){ 0 });
    return rc < 0 ? rc : 1;
}

static int from_query(struct params *p, const struct value *v)
{
    rota_str key = rota_field_wire(v->field);
    rota_str rest = p->src->query, raw, again;

    if (v->type->kind == ROTA_KIND_LIST)
        return query_list(p, v, key);
    if (!query_next(&rest, key, &raw))
        return 0;
    int rc = query_next(&rest, key, &again)
                 ? report_as(p, v->place, "duplicate", "was given twice", again)
                 : take_query(p, v, raw);
    return rc < 0 ? rc : 1;
}

static int from_path(struct params *p, const struct value *v)
{
    rota_str name = rota_field_wire(v->field);

    for (size_t i = 0; i < p->src->path_len; i++) {
        if (!rota_str_eq(p->src->path[i].name, name))
            continue;
        int rc = take_text(p, v, p->src->path[i].value);
        return rc < 0 ? rc : 1;
    }
    return 0;
}

static int find_header(const struct params *p, rota_str name, rota_str *value)
{
    return p->src->header ? p->src->header(p->src->request, name, value) : 0;
}

static int from_header(struct params *p, const struct value *v)
{
    rota_str text;
    int rc = find_header(p, v->place->name, &text);

    if (rc <= 0)
        return rc;
    rc = take_text(p, v, text);
    return rc < 0 ? rc : 1;
}

static int from_cookie(struct params *p, const struct value *v)
{
    rota_str header, text;
    int rc = find_header(p, ROTA_STR("Cookie"), &header);

    if (rc <= 0 || !cookie_find(header, rota_field_wire(v->field), &text))
        return rc < 0 ? rc : 0;
    rc = take_text(p, v, text);
    return rc < 0 ? rc : 1;
}

/* An error in the body names its place inside the body, which is the whole
 * input of its own. */
static int from_body(struct params *p, const struct value *v)
{
    int rc;

    if (!p->src->has_body)
        return 0;
    if (p->src->body_is_json)
        rc = json_read(&p->report, v->type, v->field, p->src->body, v->out);
    else
        rc = report_as(p, NULL, "content_type",
                       "must be sent as application/json", (rota_str){ 0 });
    return rc < 0 ? rc : 1;
}

/* x_token is the header x-token, unless name(...) says otherwise. */
static int wire_name(struct params *p, const rota_field *f, rota_str *name)
{
    *name = rota_field_wire(f);
    if (f->in != ROTA_IN_HEADER || f->alias.len)
        return 0;
    char *copy = rota_arena_strndup(p->arena, name->ptr, name->len);
    if (!copy)
        return -ENOMEM;
    for (char *c = copy; *c; c++)
        if (*c == '_')
            *c = '-';
    name->ptr = copy;
    return 0;
}

static int absent(struct params *p, const rota_field *f,
                  const struct model_place *place, void *out)
{
    if (f->def)
        return model_default(p->arena, f, out);
    if (!rota_field_required(f))
        return 0;
    if (f->in == ROTA_IN_BODY)
        place = NULL;
    return report_as(p, place, "missing", "is required", (rota_str){ 0 });
}

static int read_field(struct params *p, const rota_field *f, void *out)
{
    static const struct {
        const char *in;
        int (*from)(struct params *p, const struct value *v);
    } sources[] = {
        [ROTA_IN_PATH] = { "path", from_path },
        [ROTA_IN_QUERY] = { "query", from_query },
        [ROTA_IN_HEADER] = { "header", from_header },
        [ROTA_IN_COOKIE] = { "cookie", from_cookie },
        [ROTA_IN_BODY] = { "body", from_body },
    };
    struct model_place place = { .secret = f->secret };
    struct value v = { f, f->type, &place, (char *)out + f->offset };
    int rc = wire_name(p, f, &place.name);

    if (rc < 0)
        return rc;
    p->report.in = sources[f->in].in;
    p->report.whole = f->in == ROTA_IN_BODY ? f->type : NULL;
    rc = sources[f->in].from(p, &v);
    if (rc == 0)
        return absent(p, f, &place, out);
    *((bool *)out + f->has_offset) = rc > 0;
    return rc < 0 ? rc : 0;
}

int params_parse(rota_arena *a, const rota_type *type,
                 const struct params_source *src, void *out,
                 rota_errors *errors)
{
    struct params p = { a, src, { .arena = a, .errors = errors } };

    memset(out, 0, type->size);
    if (type->kind != ROTA_KIND_PARAMS)
        return 0;
    for (size_t i = 0; i < type->count; i++) {
        int rc = read_field(&p, &type->fields[i], out);
        if (rc < 0)
            return rc;
    }
    return p.report.found ? -EINVAL : 0;
}
