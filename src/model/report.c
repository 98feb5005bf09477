/*
 * Telling errors. This is the cold side of every reader: it may take its
 * time, but not grow with the input, so the number of errors and the bytes of
 * each value are bounded.
 */
#include "model/report.h"

#include <stdint.h>
#include <string.h>

#include "model/number.h"
#include "model/utf8.h"

enum {
    VALUE_MAX = 100,  /* bytes of an offending value that are shown */
    ERRORS_FIRST = 4, /* room taken with the first error */
};

static bool has_secret(const rota_type *type)
{
    if (type->kind == ROTA_KIND_LIST)
        return has_secret(type->elem);
    for (size_t i = 0; type->fields && i < type->count; i++)
        if (type->fields[i].secret || has_secret(type->fields[i].type))
            return true;
    return false;
}

bool model_report_guarded(const struct model_report *r)
{
    return r->whole && has_secret(r->whole);
}

static size_t step_length(const struct model_place *place)
{
    char number[JSON_NUMBER_MAX];

    if (place->name.ptr)
        return place->name.len + 1;
    return (size_t)(json_put_u64(number, place->index) - number) + 2;
}

/* Writes the step so that it ends at `end`; where it begins. */
static char *put_step(char *end, const struct model_place *place)
{
    size_t len = step_length(place);
    char *p = end - len;

    if (place->name.ptr) {
        *p = '.';
        memcpy(p + 1, place->name.ptr, place->name.len);
    } else {
        *p = '[';
        *json_put_u64(p + 1, place->index) = ']';
    }
    return p;
}

/* ship_to.zip, tags[3]: written from its end, the frames lead upwards. */
static bool make_loc(rota_arena *a, const struct model_place *place,
                     rota_str *loc)
{
    size_t len = 0;

    for (const struct model_place *p = place; p; p = p->up)
        len += step_length(p);
    char *text = rota_arena_alloc(a, len + 1);
    if (!text)
        return false;
    char *at = text + len;
    *at = '\0';
    for (const struct model_place *p = place; p; p = p->up)
        at = put_step(at, p);
    size_t dot = *text == '.';
    *loc = (rota_str){ text + dot, len - dot };
    return true;
}

static bool may_show(const struct model_report *r,
                     const struct model_place *place, rota_str value)
{
    bool whole = value.len && (*value.ptr == '{' || *value.ptr == '[');

    if (!value.ptr || !utf8_text(value) || (whole && model_report_guarded(r)))
        return false; /* what is no text cannot stand in an answer either */
    for (const struct model_place *p = place; p; p = p->up)
        if (p->secret)
            return false;
    return true;
}

/* A copy, cut between two characters. */
static bool copy_value(rota_arena *a, rota_str value, rota_str *copy)
{
    size_t len = value.len;

    if (len > VALUE_MAX) {
        len = VALUE_MAX;
        while (len > 0 && ((unsigned char)value.ptr[len] & 0xC0) == 0x80)
            len--;
    }
    *copy = (rota_str){ rota_arena_strndup(a, value.ptr, len), len };
    return copy->ptr != NULL;
}

/* The place for one more error: NULL when it is only counted, or no memory. */
static rota_error *next_error(struct model_report *r)
{
    rota_errors *e = r->errors;

    if (e->len >= ROTA_ERRORS_MAX) {
        e->dropped++;
        return NULL;
    }
    /* Room for the first few, then for all that can come. */
    if (e->len == 0 || e->len == ERRORS_FIRST) {
        size_t room = e->len ? ROTA_ERRORS_MAX : ERRORS_FIRST;
        rota_error *at = rota_arena_grow(r->arena, e->at, e->len * sizeof *at,
                                         room * sizeof *at);
        if (!at) {
            r->no_memory = true;
            return NULL;
        }
        e->at = at;
    }
    return &e->at[e->len];
}

void model_report_add(struct model_report *r, const struct model_place *place,
                      const char *type, const char *msg, rota_str value)
{
    r->found++;
    rota_error *e = r->errors ? next_error(r) : NULL;
    if (!e)
        return;
    *e = (rota_error){ .in = r->in, .type = type, .msg = rota_str_of(msg) };
    bool ok = make_loc(r->arena, place, &e->loc);
    if (ok && may_show(r, place, value))
        ok = copy_value(r->arena, value, &e->value);
    if (ok)
        r->errors->len++;
    else
        r->no_memory = true;
}

void model_report_broken(struct model_report *r, rota_str text, const char *at,
                         const char *msg)
{
    size_t line = 1;
    const char *line_begin = text.ptr;

    for (const char *p = text.ptr; p < at; p++) {
        if (*p != '\n')
            continue;
        line++;
        line_begin = p + 1;
    }
    if (r->errors)
        *r->errors = (rota_errors){ 0 };
    model_report_add(r, NULL, "json_invalid", msg, (rota_str){ 0 });
    if (!r->errors || r->errors->len == 0)
        return;
    rota_error *e = &r->errors->at[0];
    e->line = line;
    e->column = (size_t)(at - line_begin) + 1;
    e->offset = (size_t)(at - text.ptr);
}
