/*
 * Struct to text. The writer keeps its own cursor into the buffer and asks
 * for room once per member, so that most bytes cost a copy and nothing else.
 * Members' names were made JSON by the compiler.
 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "model/json.h"
#include "model/number.h"
#include "model/utf8.h"

struct writer {
    struct buf *out;
    char *at;  /* where the next byte goes */
    char *end; /* of the room that was reserved */
};

/* Room for `n` bytes at w->at. 0 or -ENOMEM. */
__attribute__((noinline)) static int more_room(struct writer *w, size_t n)
{
    if (w->at)
        buf_commit(w->out, (size_t)(w->at - (w->out->data + w->out->end)));
    w->at = buf_reserve(w->out, n);
    if (!w->at)
        return -ENOMEM;
    w->end = w->out->data + w->out->size;
    return 0;
}

static inline int room(struct writer *w, size_t n)
{
    return (size_t)(w->end - w->at) >= n ? 0 : more_room(w, n);
}

/* The caller has made room. */
static inline void put(struct writer *w, const char *bytes, size_t n)
{
    memcpy(w->at, bytes, n);
    w->at += n;
}

/* The caller has made room for six bytes. */
static void put_escape(struct writer *w, char c)
{
    static const char from[] = "\b\f\n\r\t\"\\", to[] = "bfnrt\"\\";
    static const char hex[] = "0123456789abcdef";
    const char *known = strchr(from, c);

    *w->at++ = '\\';
    if (c && known) {
        *w->at++ = to[known - from];
        return;
    }
    put(w, "u00", 3);
    *w->at++ = hex[c >> 4];
    *w->at++ = hex[c & 15];
}

/* One character that is not plain (see utf8_not_plain), and room for its
 * escape. Behind it, or NULL: not UTF-8. */
static const char *put_special(struct writer *w, const char *p, const char *end)
{
    if ((unsigned char)*p < 0x80) {
        put_escape(w, *p);
        return p + 1;
    }
    size_t n = utf8_length(p, end);
    if (n == 0)
        return NULL;
    put(w, p, n);
    return p + n;
}

static inline bool is_plain(char c)
{
    return (unsigned char)(c - 0x20) < 0x80 - 0x20 && c != '"' && c != '\\';
}

/* As many plain bytes as follow, eight at a time. There is room. */
static const char *put_plain(struct writer *w, const char *p, const char *end)
{
    uint64_t word;

    for (; end - p >= (ptrdiff_t)sizeof word; p += sizeof word) {
        memcpy(&word, p, sizeof word);
        if (utf8_not_plain(word))
            break;
        memcpy(w->at, &word, sizeof word);
        w->at += sizeof word;
    }
    while (p < end && is_plain(*p))
        *w->at++ = *p++;
    return p;
}

static int write_str(struct writer *w, rota_str s)
{
    enum { ESCAPE_MAX = 6, QUOTES = 2 };
    const char *p = s.ptr, *end = utf8_end(s);

    if (room(w, s.len + QUOTES) < 0)
        return -ENOMEM;
    *w->at++ = '"';
    for (p = put_plain(w, p, end); p < end; p = put_plain(w, p, end)) {
        /* Room for this one escaped, and for all others as they are. */
        if (room(w, (size_t)(end - p) + ESCAPE_MAX + QUOTES) < 0)
            return -ENOMEM;
        p = put_special(w, p, end);
        if (!p)
            return -EINVAL;
    }
    *w->at++ = '"';
    return 0;
}

static int write_value(struct writer *w, const rota_type *type,
                       const void *value);

static int write_list(struct writer *w, const rota_type *type,
                      const void *value)
{
    const struct {
        const char *at;
        size_t len;
    } *list = value;

    if (room(w, 2) < 0)
        return -ENOMEM;
    *w->at++ = '[';
    for (size_t i = 0; i < list->len; i++) {
        int rc = write_value(w, type->elem, list->at + i * type->elem->size);
        if (rc < 0)
            return rc;
        if (room(w, 2) < 0)
            return -ENOMEM;
        *w->at++ = ',';
    }
    /* The last comma becomes the bracket. */
    w->at -= list->len > 0;
    *w->at++ = ']';
    return 0;
}

static inline bool flag(const void *value, uint32_t offset)
{
    return *((const bool *)value + offset);
}

/* Is the field left out? */
static inline bool left_out(const rota_field *f, const void *value)
{
    if (f->secret || f->write_only)
        return true;
    return f->optional && !f->def && !flag(value, f->has_offset);
}

static int write_member(struct writer *w, const rota_field *f,
                        const void *value)
{
    rota_str key = f->alias.len ? f->alias : f->key;

    if (room(w, key.len + sizeof("null")) < 0)
        return -ENOMEM;
    put(w, key.ptr, key.len);
    if (f->nullable && flag(value, f->null_offset)) {
        put(w, "null", 4);
        return 0;
    }
    return write_value(w, f->type, (const char *)value + f->offset);
}

static int write_model(struct writer *w, const rota_type *type,
                       const void *value)
{
    if (room(w, 2) < 0)
        return -ENOMEM;
    *w->at++ = '{';
    bool any = false;
    for (size_t i = 0; i < type->count; i++) {
        const rota_field *f = &type->fields[i];
        if (left_out(f, value))
            continue;
        int rc = write_member(w, f, value);
        if (rc < 0)
            return rc;
        if (room(w, 2) < 0)
            return -ENOMEM;
        *w->at++ = ',';
        any = true;
    }
    /* The last comma becomes the brace. */
    w->at -= any;
    *w->at++ = '}';
    return 0;
}

static int write_enum(struct writer *w, const rota_type *type, unsigned value)
{
    if (value >= type->count)
        return -EINVAL;
    return write_str(w, rota_str_of(type->names[value]));
}

/* A number, true or false; JSON_NUMBER_MAX bytes are reserved. */
static int write_plain(struct writer *w, const rota_type *type,
                       const void *value)
{
    switch (type->kind) {
    case ROTA_KIND_BOOL: {
        bool yes = *(const bool *)value;
        put(w, yes ? "true" : "false", yes ? 4 : 5);
        return 0;
    }
    case ROTA_KIND_I32:
        w->at = json_put_i64(w->at, *(const int32_t *)value);
        return 0;
    case ROTA_KIND_U32:
        w->at = json_put_u64(w->at, *(const uint32_t *)value);
        return 0;
    case ROTA_KIND_I64:
        w->at = json_put_i64(w->at, *(const int64_t *)value);
        return 0;
    case ROTA_KIND_U64:
        w->at = json_put_u64(w->at, *(const uint64_t *)value);
        return 0;
    case ROTA_KIND_F64:
        if (!isfinite(*(const double *)value))
            return -EINVAL;
        w->at = json_put_double(w->at, *(const double *)value);
        return 0;
    default: return -EINVAL;
    }
}

static int write_value(struct writer *w, const rota_type *type,
                       const void *value)
{
    switch (type->kind) {
    case ROTA_KIND_STR: return write_str(w, *(const rota_str *)value);
    case ROTA_KIND_LIST: return write_list(w, type, value);
    case ROTA_KIND_MODEL: return write_model(w, type, value);
    case ROTA_KIND_ENUM: return write_enum(w, type, *(const unsigned *)value);
    default:
        if (room(w, JSON_NUMBER_MAX) < 0)
            return -ENOMEM;
        return write_plain(w, type, value);
    }
}

/* What was written before an error counts too: at most it is thrown away. */
static void finish(struct writer *w)
{
    if (w->at)
        buf_commit(w->out, (size_t)(w->at - (w->out->data + w->out->end)));
}

int json_write(struct buf *out, const rota_type *type, const void *value)
{
    struct writer w = { .out = out };
    int rc = write_value(&w, type, value);

    finish(&w);
    return rc;
}

int json_write_str(struct buf *out, rota_str s)
{
    struct writer w = { .out = out };
    int rc = write_str(&w, s);

    finish(&w);
    return rc;
}

int rota_json_dump(rota_arena *a, const rota_type *type, const void *value,
                   rota_str *out)
{
    struct buf b = { 0 };
    int rc = json_write(&b, type, value);

    if (rc == 0) {
        char *text = rota_arena_strndup(a, buf_head(&b), buf_len(&b));
        *out = (rota_str){ text, buf_len(&b) };
        rc = text ? 0 : -ENOMEM;
    }
    buf_fini(&b);
    return rc;
}
