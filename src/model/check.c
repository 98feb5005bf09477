/*
 * rota_type_check: what the compiler could not see in a declaration. It runs
 * once, at start or in a test, and stops at the first thing it finds.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "model/model.h"
#include "model/pattern.h"

struct check {
    rota_arena arena;
    const rota_type *type; /* the struct being looked at */
    const rota_field *field;
    char *err;
    size_t size;
};

/* "Item.name: ..." */
ROTA_PRINTF(2, 3)
static int wrong(struct check *c, const char *format, ...)
{
    va_list args;
    int n =
        snprintf(c->err, c->size, "%s.%s: ", c->type->name, c->field->name.ptr);

    if (n > 0 && (size_t)n < c->size) {
        va_start(args, format);
        vsnprintf(c->err + n, c->size - (size_t)n, format, args);
        va_end(args);
    }
    return -EINVAL;
}

static bool is_scalar(const rota_type *type)
{
    return type->kind >= ROTA_KIND_BOOL && type->kind <= ROTA_KIND_ENUM;
}

static bool is_number(const rota_type *type)
{
    return type->kind >= ROTA_KIND_I32 && type->kind <= ROTA_KIND_F64;
}

/* Constraints of strings stand on strings, and so on. */
static int check_kinds(struct check *c)
{
    const rota_field *f = c->field;
    const rota_type *type = f->type;
    bool list = type->kind == ROTA_KIND_LIST;
    const rota_type *item = list ? type->elem : type;

    if ((f->low.kind || f->high.kind || f->step.kind) && !is_number(item))
        return wrong(c, "ge, gt, le, lt and multiple_of need a number");
    if ((f->min_len || f->has_max_len || f->pattern || f->format) &&
        item->kind != ROTA_KIND_STR)
        return wrong(c, "min_len, max_len, pattern and format need a str");
    if ((f->min_items || f->has_max_items || f->unique) && !list)
        return wrong(c, "min_items, max_items and unique need a list");
    if (f->unique && !is_scalar(item))
        return wrong(c, "unique needs a list of scalars");
    if (f->has_max_len && f->min_len > f->max_len)
        return wrong(c, "min_len is above max_len");
    if (f->has_max_items && f->min_items > f->max_items)
        return wrong(c, "min_items is above max_items");
    if (f->step.kind && !(f->step.f64 > 0))
        return wrong(c, "multiple_of needs a number above 0");
    if (f->read_only && f->write_only)
        return wrong(c, "cannot be both read_only and write_only");
    return 0;
}

static int check_texts(struct check *c)
{
    const rota_field *f = c->field;
    char reason[256];

    if (f->format && !model_format_known(f->format))
        return wrong(c, "unknown format \"%s\"", f->format);
    int rc =
        f->pattern ? model_pattern_check(f->pattern, reason, sizeof reason) : 0;
    return rc == -EINVAL ? wrong(c, "%s", reason) : rc;
}

/* Holds a list and its elements, or a scalar, to the constraints. */
static int check_value(struct check *c, const void *value,
                       struct model_fault *fault)
{
    const rota_field *f = c->field;
    const struct {
        const char *at;
        size_t len;
    } *list = value;

    if (f->type->kind != ROTA_KIND_LIST)
        return is_scalar(f->type)
                   ? model_valid_scalar(&c->arena, f, f->type, value, fault)
                   : 0;
    const rota_type *elem = f->type->elem;
    int rc = model_valid_list(&c->arena, f, f->type, value, fault);
    for (size_t i = 0; rc == 0 && is_scalar(elem) && i < list->len; i++)
        rc = model_valid_scalar(&c->arena, f, elem, list->at + i * elem->size,
                                fault);
    return rc;
}

static int check_literal(struct check *c, const char *what, const char *text)
{
    struct model_fault fault;

    if (!text)
        return 0;
    void *value = rota_arena_zalloc(&c->arena, c->field->type->size);
    if (!value)
        return -ENOMEM;
    int rc = model_literal(&c->arena, c->field->type, text, value);
    if (rc == -EINVAL)
        return wrong(c, "the %s %s is not of its type", what, text);
    rc = rc == 0 ? check_value(c, value, &fault) : rc;
    return rc > 0 ? wrong(c, "the %s %s %s", what, text, fault.msg) : rc;
}

/* A header's name is a token, RFC 9110 section 5.6.2; a cookie's too,
 * RFC 6265 section 4.1.1. */
static bool is_token(rota_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c <= ' ' || c >= 0x7F || strchr("\"(),/:;<=>?@[\\]{}", c))
            return false;
    }
    return s.len > 0;
}

/* Names were put between quotes by the compiler, so they may hold nothing
 * that JSON escapes. */
static int check_name(struct check *c, size_t index)
{
    const rota_field *f = c->field;
    rota_str name = rota_field_wire(f);
    bool token = f->in == ROTA_IN_HEADER || f->in == ROTA_IN_COOKIE;

    for (size_t i = 0; i < name.len; i++)
        if ((unsigned char)name.ptr[i] < 0x20 || name.ptr[i] == '"' ||
            name.ptr[i] == '\\')
            return wrong(c, "its name needs escaping");
    if (name.len == 0 || (token && !is_token(name)))
        return wrong(c, "its name cannot be one");
    for (size_t i = 0; i < index; i++) {
        const rota_field *other = &c->type->fields[i];
        if (other->in == f->in && rota_str_eq(rota_field_wire(other), name))
            return wrong(c, "its name is also that of %s", other->name.ptr);
    }
    return 0;
}

static int check_source(struct check *c, size_t index)
{
    const rota_field *f = c->field;
    const rota_type *type = f->type;

    switch (f->in) {
    case ROTA_IN_MEMBER: break;
    case ROTA_IN_PATH:
        if (f->optional || f->def)
            return wrong(c, "a path parameter is always given");
        __attribute__((fallthrough));
    case ROTA_IN_HEADER:
    case ROTA_IN_COOKIE:
        return is_scalar(type) ? 0 : wrong(c, "must be a scalar");
    case ROTA_IN_QUERY:
        type = type->kind == ROTA_KIND_LIST ? type->elem : type;
        return is_scalar(type) ? 0
                               : wrong(c, "must be a scalar or a list of them");
    case ROTA_IN_BODY:
        for (size_t i = 0; i < index; i++)
            if (c->type->fields[i].in == ROTA_IN_BODY)
                return wrong(c, "is a second body");
    }
    return 0;
}

static int check_type(struct check *c, const rota_type *type);

static int check_field(struct check *c, size_t index)
{
    const rota_type *owner = c->type;
    const rota_field *f = &owner->fields[index];

    c->field = f;
    int rc = check_kinds(c);
    if (rc == 0)
        rc = check_texts(c);
    if (rc == 0)
        rc = check_literal(c, "default", f->def);
    if (rc == 0)
        rc = check_literal(c, "example", f->example);
    if (rc == 0)
        rc = check_name(c, index);
    if (rc == 0)
        rc = check_source(c, index);
    if (rc == 0)
        rc = check_type(c, f->type);
    c->type = owner;
    return rc;
}

/* A type can only hold types declared before it, so this ends. */
static int check_type(struct check *c, const rota_type *type)
{
    if (type->kind == ROTA_KIND_LIST)
        return check_type(c, type->elem);
    c->type = type;
    for (size_t i = 0; type->fields && i < type->count; i++) {
        int rc = check_field(c, i);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int rota_type_check(const rota_type *type, char *err, size_t size)
{
    struct check c = { .err = err, .size = size };

    if (size)
        *err = '\0';
    rota_arena_init(&c.arena, NULL, 0);
    int rc = check_type(&c, type);
    rota_arena_fini(&c.arena);
    return rc;
}
