/*
 * One value into one field. Every way in ends here: JSON, the query string,
 * a default, a database column; so that a number that does not fit is refused
 * alike wherever it comes from.
 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "model/json.h"
#include "model/json_scan.h"
#include "model/model.h"
#include "model/utf8.h"

struct model_fault model_wrong_type(const rota_type *type)
{
    static const struct model_fault faults[] = {
        [ROTA_KIND_NONE] = { "none_type", "must not be given" },
        [ROTA_KIND_BOOL] = { "bool_type", "must be true or false" },
        [ROTA_KIND_I32] = { "int_type", "must be an integer" },
        [ROTA_KIND_U32] = { "int_type", "must be an integer" },
        [ROTA_KIND_I64] = { "int_type", "must be an integer" },
        [ROTA_KIND_U64] = { "int_type", "must be an integer" },
        [ROTA_KIND_F64] = { "float_type", "must be a number" },
        [ROTA_KIND_STR] = { "string_type", "must be a string" },
        [ROTA_KIND_ENUM] = { "enum", "must be a string" },
        [ROTA_KIND_LIST] = { "list_type", "must be a list" },
        [ROTA_KIND_MODEL] = { "object_type", "must be an object" },
        [ROTA_KIND_PARAMS] = { "params_type", "cannot be read" },
        [ROTA_KIND_OPAQUE] = { "opaque_type", "cannot be read" },
    };

    return faults[type->kind];
}

/* The bounds of an integer type, as magnitudes below and above zero. */
static void integer_bounds(enum rota_kind kind, uint64_t *below,
                           uint64_t *above)
{
    *below = kind == ROTA_KIND_I32   ? (uint64_t)1 << 31
             : kind == ROTA_KIND_I64 ? (uint64_t)1 << 63
                                     : 0;
    *above = kind == ROTA_KIND_U32   ? UINT32_MAX
             : kind == ROTA_KIND_U64 ? UINT64_MAX
                                     : *below - 1;
}

/* 0, or -ERANGE when it does not fit. */
static int put_integer(const rota_type *type, bool negative, uint64_t magnitude,
                       void *out)
{
    uint64_t below, above;

    integer_bounds(type->kind, &below, &above);
    if (magnitude > (negative ? below : above))
        return -ERANGE;
    uint64_t bits = negative ? 0 - magnitude : magnitude;
    if (type->size == sizeof(uint32_t))
        *(uint32_t *)out = (uint32_t)bits;
    else
        *(uint64_t *)out = bits;
    return 0;
}

/* Faults are told out of line: their buffers stay off the common path. */
__attribute__((noinline)) static int range_fault(rota_arena *a,
                                                 const rota_type *type,
                                                 struct model_fault *fault)
{
    uint64_t below, above;
    char low[JSON_NUMBER_MAX], high[JSON_NUMBER_MAX];

    integer_bounds(type->kind, &below, &above);
    *json_put_i64(low, (int64_t)(0 - below)) = '\0';
    *json_put_u64(high, above) = '\0';
    fault->type = "int_range";
    fault->msg = rota_arena_printf(a, "must be between %s and %s", low, high);
    return fault->msg ? 1 : -ENOMEM;
}

int model_number_store(rota_arena *a, const rota_type *type,
                       const struct json_number *n, void *out,
                       struct model_fault *fault)
{
    uint64_t magnitude;
    int rc;

    if (type->kind == ROTA_KIND_F64) {
        rc = json_number_double(a, n, out);
        *fault = (struct model_fault){ "float_range", "is too large" };
        return rc == -ERANGE ? 1 : rc;
    }
    rc = json_number_integer(n, &magnitude);
    if (rc == 0)
        rc = put_integer(type, n->negative, magnitude, out);
    if (rc == -ERANGE)
        return range_fault(a, type, fault);
    *fault = (struct model_fault){ "int_from_float", "must be a whole number" };
    return rc < 0 ? 1 : 0;
}

static int find_name(const rota_type *type, rota_str name)
{
    for (unsigned i = 0; i < type->count; i++)
        if (rota_str_eq(rota_str_of(type->names[i]), name))
            return (int)i;
    return -1;
}

/* Enums are C enums without negative constants: unsigned, four bytes. */
static int put_enum(const rota_type *type, rota_str name, void *out)
{
    int i = find_name(type, name);

    if (i < 0)
        return -EINVAL;
    *(unsigned *)out = (unsigned)i;
    return 0;
}

__attribute__((noinline)) static int enum_fault(rota_arena *a,
                                                const rota_type *type,
                                                struct model_fault *fault)
{
    const char *list = type->names[0];

    for (unsigned i = 1; list && i < type->count; i++)
        list = rota_arena_printf(a, "%s%s%s", list,
                                 i + 1 < type->count ? ", " : " or ",
                                 type->names[i]);
    fault->type = "enum";
    fault->msg = list ? rota_arena_printf(a, "must be %s", list) : NULL;
    return fault->msg ? 1 : -ENOMEM;
}

int model_enum_store(rota_arena *a, const rota_type *type, rota_str name,
                     void *out, struct model_fault *fault)
{
    return put_enum(type, name, out) == 0 ? 0 : enum_fault(a, type, fault);
}

/* 1, 0, or -1 when it is neither. */
static int bool_of(rota_str s)
{
    if (rota_str_eq(s, ROTA_STR("true")) || rota_str_eq(s, ROTA_STR("1")))
        return 1;
    if (rota_str_eq(s, ROTA_STR("false")) || rota_str_eq(s, ROTA_STR("0")))
        return 0;
    return -1;
}

static int put_bool(rota_str s, void *out)
{
    int b = bool_of(s);

    *(bool *)out = b == 1;
    return b < 0 ? -EINVAL : 0;
}

/* A copy in the arena: 0, -EILSEQ: not UTF-8 or with a NUL, -ENOMEM. */
static int put_str(rota_arena *a, rota_str s, void *out)
{
    if (!utf8_text(s))
        return -EILSEQ;
    char *copy = rota_arena_strndup(a, s.ptr, s.len);
    *(rota_str *)out = (rota_str){ copy, s.len };
    return copy ? 0 : -ENOMEM;
}

static int text_fault(const rota_type *type, struct model_fault *fault)
{
    *fault = model_wrong_type(type);
    fault->type = type->kind == ROTA_KIND_BOOL  ? "bool_parsing"
                  : type->kind == ROTA_KIND_F64 ? "float_parsing"
                                                : "int_parsing";
    return 1;
}

int model_text_store(rota_arena *a, const rota_type *type, rota_str text,
                     void *out, struct model_fault *fault)
{
    struct json_number n;
    const char *end = utf8_end(text);
    int rc;

    switch (type->kind) {
    case ROTA_KIND_ENUM: return model_enum_store(a, type, text, out, fault);
    case ROTA_KIND_BOOL:
        return put_bool(text, out) == 0 ? 0 : text_fault(type, fault);
    case ROTA_KIND_STR:
        rc = put_str(a, text, out);
        *fault = (struct model_fault){ "string_unicode",
                                       "must be valid UTF-8 without NUL" };
        return rc == -EILSEQ ? 1 : rc;
    case ROTA_KIND_I32:
    case ROTA_KIND_U32:
    case ROTA_KIND_I64:
    case ROTA_KIND_U64:
    case ROTA_KIND_F64:
        if (text.len == 0 || json_number_scan(text.ptr, end, &n) != end)
            return text_fault(type, fault);
        return model_number_store(a, type, &n, out, fault);
    default: *fault = model_wrong_type(type); return 1;
    }
}

static int str_literal(rota_arena *a, rota_str text, rota_str *out)
{
    struct json_text t;
    struct json_string s;

    json_open(&t, text);
    if (json_peek(&t) != '"' || json_scan_string(&t, &s) < 0 || t.at != t.end)
        return -EINVAL;
    if (s.escaped)
        return json_copy_string(a, &s, out);
    *out = s.raw; /* constant, like all of the declaration */
    return 0;
}

/* Any literal that is plain JSON. */
static int json_literal(rota_arena *a, const rota_type *type, rota_str text,
                        void *out)
{
    struct model_report report = { .arena = a };
    int rc = json_read(&report, type, NULL, text, out);

    if (rc == -EBADMSG || (rc == 0 && report.found))
        return -EINVAL;
    return rc;
}

int model_literal(rota_arena *a, const rota_type *type, const char *literal,
                  void *out)
{
    rota_str text = rota_str_of(literal);

    switch (type->kind) {
    case ROTA_KIND_BOOL: return put_bool(text, out);
    case ROTA_KIND_STR: return str_literal(a, text, out);
    case ROTA_KIND_ENUM:
        if (put_enum(type, text, out) == 0)
            return 0;
        __attribute__((fallthrough)); /* it may stand in quotes */
    default: return json_literal(a, type, text, out);
    }
}

int model_default(rota_arena *a, const rota_field *f, void *row)
{
    return model_literal(a, f->type, f->def, (char *)row + f->offset);
}

int model_write_literal(rota_arena *a, struct buf *out, const rota_type *type,
                        const char *text)
{
    void *value = rota_arena_zalloc(a, type->size);

    if (!value)
        return -ENOMEM;
    int rc = model_literal(a, type, text, value);
    return rc < 0 ? rc : json_write(out, type, value);
}

const rota_field *model_field_find(const rota_type *type, rota_str name)
{
    for (size_t i = 0; type->fields && i < type->count; i++)
        if (rota_str_eq(type->fields[i].name, name) ||
            rota_str_eq(rota_field_wire(&type->fields[i]), name))
            return &type->fields[i];
    return NULL;
}

static void *value_of(const rota_field *f, void *row)
{
    return (char *)row + f->offset;
}

/* Marks the field as given, when that went well. */
static int given(const rota_field *f, void *row, int rc)
{
    if (rc == 0)
        *((bool *)row + f->has_offset) = true;
    return rc;
}

/* Up to 2^53 every integer is a double. */
#define EXACT_DOUBLES ((uint64_t)1 << 53)

/* An integer by the kind of its field: -EINVAL when that is no number. */
static int put_i64(const rota_type *type, int64_t v, void *out)
{
    uint64_t magnitude = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;

    switch (type->kind) {
    case ROTA_KIND_BOOL:
        *(bool *)out = v == 1;
        return v == 0 || v == 1 ? 0 : -ERANGE;
    case ROTA_KIND_F64:
        *(double *)out = (double)v;
        return magnitude <= EXACT_DOUBLES ? 0 : -ERANGE;
    case ROTA_KIND_I32:
    case ROTA_KIND_U32:
    case ROTA_KIND_I64:
    case ROTA_KIND_U64: return put_integer(type, v < 0, magnitude, out);
    case ROTA_KIND_ENUM:
        *(unsigned *)out = (unsigned)v;
        return v >= 0 && v < type->count ? 0 : -ERANGE;
    default: return -EINVAL;
    }
}

int model_store_i64(rota_arena *a, const rota_field *f, void *row,
                    int64_t value)
{
    (void)a; /* as its siblings */
    return given(f, row, put_i64(f->type, value, value_of(f, row)));
}

static int put_f64(const rota_type *type, double v, void *out)
{
    const double two_64 = 18446744073709551616.0;
    double size = v < 0 ? -v : v;

    switch (type->kind) {
    case ROTA_KIND_F64: *(double *)out = v; return isfinite(v) ? 0 : -ERANGE;
    case ROTA_KIND_I32:
    case ROTA_KIND_U32:
    case ROTA_KIND_I64:
    case ROTA_KIND_U64:
        if (!(size < two_64) || (double)(uint64_t)size != size)
            return -ERANGE;
        return put_integer(type, v < 0, (uint64_t)size, out);
    default: return -EINVAL;
    }
}

int model_store_f64(rota_arena *a, const rota_field *f, void *row, double value)
{
    (void)a; /* as its siblings */
    return given(f, row, put_f64(f->type, value, value_of(f, row)));
}

int model_store_str(rota_arena *a, const rota_field *f, void *row,
                    rota_str value)
{
    void *out = value_of(f, row);
    int rc;

    switch (f->type->kind) {
    case ROTA_KIND_STR: rc = put_str(a, value, out); break;
    case ROTA_KIND_ENUM: rc = put_enum(f->type, value, out); break;
    case ROTA_KIND_LIST:
    case ROTA_KIND_MODEL: rc = json_literal(a, f->type, value, out); break;
    default: rc = -EINVAL; break;
    }
    return given(f, row, rc == -EILSEQ ? -EINVAL : rc);
}

int model_store_null(const rota_field *f, void *row)
{
    if (f->nullable && f->null_offset)
        *((bool *)row + f->null_offset) = true;
    else if (!f->optional)
        return -EINVAL;
    else
        return 0;
    return given(f, row, 0);
}
