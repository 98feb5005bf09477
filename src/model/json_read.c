/*
 * Text to struct. One pass: the type says what must come, each value is put
 * where its field lies, and held against its constraints at once. What does
 * not fit is skipped and reported, so that one pass finds all errors; only
 * broken JSON ends it early.
 *
 * Functions return 0 (also when an error was reported), -EBADMSG or -ENOMEM.
 */
#include <errno.h>
#include <string.h>

#include "model/json.h"
#include "model/json_scan.h"
#include "model/model.h"
#include "model/valid.h"

struct reader {
    struct json_text text;
    rota_arena *arena;
    struct model_report *report;
};

/* What is being read, and where it belongs. */
struct slot {
    const rota_type *type;
    const rota_field *field; /* its constraints, may be NULL */
    const struct model_place *place;
    void *out;
};

static rota_str text_since(const struct reader *r, const char *begin)
{
    return (rota_str){ begin, (size_t)(r->text.at - begin) };
}

static int report(struct reader *r, const struct model_place *place,
                  const char *type, const char *msg, rota_str value)
{
    model_report_add(r->report, place, type, msg, value);
    return r->report->no_memory ? -ENOMEM : 0;
}

/* The value at hand is of another type: skips it. */
__attribute__((noinline)) static int wrong_type(struct reader *r,
                                                const struct slot *s)
{
    const char *begin = r->text.at;
    struct model_fault fault = model_wrong_type(s->type);

    if (json_skip(&r->text) < 0)
        return -EBADMSG;
    return report(r, s->place, fault.type, fault.msg, text_since(r, begin));
}

/* Holds the value that was just read from `begin` on to its constraints. */
static int check(struct reader *r, const struct slot *s, const char *begin)
{
    struct model_fault fault;
    int rc =
        s->type->kind == ROTA_KIND_LIST
            ? model_valid_list(r->arena, s->field, s->type, s->out, &fault)
            : model_valid_scalar(r->arena, s->field, s->type, s->out, &fault);

    if (rc <= 0)
        return rc;
    return report(r, s->place, fault.type, fault.msg, text_since(r, begin));
}

static int read_number(struct reader *r, const struct slot *s)
{
    const char *begin = r->text.at;
    struct json_number n;
    struct model_fault fault;

    if (*begin != '-' && (unsigned char)(*begin - '0') > 9)
        return wrong_type(r, s);
    if (json_scan_value_number(&r->text, &n) < 0)
        return -EBADMSG;
    int rc = model_number_store(r->arena, s->type, &n, s->out, &fault);
    if (rc == 0)
        return check(r, s, begin);
    return rc < 0 ? rc
                  : report(r, s->place, fault.type, fault.msg,
                           text_since(r, begin));
}

static int read_bool(struct reader *r, const struct slot *s)
{
    char c = *r->text.at;

    if (c != 't' && c != 'f')
        return wrong_type(r, s);
    *(bool *)s->out = c == 't';
    return json_scan_word(&r->text, c == 't' ? "true" : "false");
}

static int read_string(struct reader *r, const struct slot *s)
{
    const char *begin = r->text.at;
    struct json_string string;

    if (*begin != '"')
        return wrong_type(r, s);
    if (json_scan_string(&r->text, &string) < 0)
        return -EBADMSG;
    if (json_copy_string(r->arena, &string, s->out) < 0)
        return -ENOMEM;
    return check(r, s, begin);
}

static int read_enum(struct reader *r, const struct slot *s)
{
    const char *begin = r->text.at;
    struct json_string string;
    struct model_fault fault;

    if (*begin != '"')
        return wrong_type(r, s);
    if (json_scan_string(&r->text, &string) < 0)
        return -EBADMSG;
    if (string.escaped && json_copy_string(r->arena, &string, &string.raw) < 0)
        return -ENOMEM;
    int rc = model_enum_store(r->arena, s->type, string.raw, s->out, &fault);
    if (rc <= 0)
        return rc;
    return report(r, s->place, fault.type, fault.msg, text_since(r, begin));
}

static int read_value(struct reader *r, const struct slot *s);

/* A list as it grows. */
struct growing {
    char *at;
    size_t len;
    size_t room;
    size_t found; /* errors before it */
};

/*
 * The place of the next element, zeroed; NULL: no memory. Once there was an
 * error in the list, elements are only looked at and share one place: a list
 * that is refused costs no more memory, however long it is.
 */
static void *next_element(struct reader *r, struct growing *g, size_t size)
{
    enum { ROOM_FIRST = 4 };
    bool refused = r->report->found != g->found;

    if (g->len == g->room && (!refused || !g->room)) {
        size_t room = g->room ? g->room * 2 : ROOM_FIRST;
        char *at = rota_arena_grow(r->arena, g->at, g->len * size, room * size);
        if (!at)
            return NULL;
        g->at = at;
        g->room = room;
    }
    if (g->len == g->room)
        g->len--;
    return memset(g->at + g->len++ * size, 0, size);
}

/* Too many items: an error at once, not after all of them were stored. */
static int check_room(struct reader *r, const struct slot *s, size_t count)
{
    if (!s->field || !s->field->has_max_items ||
        count != (size_t)s->field->max_items + 1)
        return 0;
    struct {
        const void *at;
        size_t len;
    } list = { NULL, count };
    struct slot over = *s;
    over.out = &list;
    return check(r, &over, r->text.at);
}

static int read_elements(struct reader *r, const struct slot *s,
                         struct growing *g)
{
    const rota_type *elem = s->type->elem;
    struct model_place place = { .up = s->place };
    int rc;

    do {
        rc = check_room(r, s, place.index + 1);
        if (rc < 0)
            return rc;
        struct slot next = { elem, s->field, &place,
                             next_element(r, g, elem->size) };
        if (!next.out)
            return -ENOMEM;
        rc = read_value(r, &next);
        if (rc < 0)
            return rc;
        place.index++;
        rc = json_scan_next(&r->text, ']');
    } while (rc > 0);
    return rc;
}

static int read_list(struct reader *r, const struct slot *s)
{
    const char *begin = r->text.at;
    struct growing g = { .found = r->report->found };
    struct {
        void *at;
        size_t len;
    } *out = s->out;

    if (*begin != '[')
        return wrong_type(r, s);
    if (json_enter(&r->text) < 0)
        return -EBADMSG;
    if (json_peek(&r->text) == ']') {
        r->text.at++;
        r->text.depth--;
    } else {
        int rc = read_elements(r, s, &g);
        /* Where an item is wrong already, no word on their sum. */
        if (rc < 0 || r->report->found != g.found)
            return rc;
    }
    out->at = g.at;
    out->len = g.len;
    return check(r, s, begin);
}

static bool *flag(void *out, uint32_t offset)
{
    return (bool *)((char *)out + offset);
}

static int report_twice(struct reader *r, const struct model_place *place)
{
    return report(r, place, "duplicate", "was given twice", (rota_str){ 0 });
}

/* The value of a declared member of the struct `out`. */
static int read_member(struct reader *r, const rota_field *f,
                       const struct model_place *up, void *out)
{
    struct model_place place = { up, rota_field_wire(f), 0, f->secret };
    struct slot s = { f->type, f, &place, (char *)out + f->offset };
    bool *has = flag(out, f->has_offset);

    if (f->read_only)
        return json_skip(&r->text);
    if (*has) {
        if (report_twice(r, &place) < 0)
            return -ENOMEM;
        memset(s.out, 0, f->type->size);
    }
    *has = true;
    if (!f->nullable || json_peek(&r->text) != 'n')
        return read_value(r, &s);
    *flag(out, f->null_offset) = true;
    return json_scan_word(&r->text, "null");
}

/* A member that the model does not declare. */
static int read_unknown(struct reader *r, const struct slot *s, rota_str name)
{
    struct model_place place = { s->place, name, 0, false };

    json_space(&r->text);
    const char *begin = r->text.at;
    if (json_skip(&r->text) < 0)
        return -EBADMSG;
    if (!s->type->strict)
        return 0;
    /* A mistyped name may stand before a secret: its value is not shown. */
    return report(r, &place, "extra_forbidden", "is not a known field",
                  model_report_guarded(r->report) ? (rota_str){ 0 }
                                                  : text_since(r, begin));
}

static int missing(struct reader *r, const struct slot *s, const rota_field *f)
{
    struct model_place place = { s->place, rota_field_wire(f), 0, f->secret };

    return report(r, &place, "missing", "is required", (rota_str){ 0 });
}

static int fill_absent(struct reader *r, const struct slot *s)
{
    for (size_t i = 0; i < s->type->count; i++) {
        const rota_field *f = &s->type->fields[i];
        int rc = 0;
        if (*flag(s->out, f->has_offset))
            continue;
        if (f->def)
            rc = model_default(r->arena, f, s->out);
        else if (rota_field_required(f))
            rc = missing(r, s, f);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* The field of this name. Members mostly come in the order of declaration, so
 * the search begins at `from`. NULL: none. */
static const rota_field *find_member(const rota_type *type, rota_str name,
                                     size_t from)
{
    for (size_t n = 0, i = from; n < type->count; n++, i++) {
        if (i >= type->count)
            i -= type->count;
        if (rota_str_eq(rota_field_wire(&type->fields[i]), name))
            return &type->fields[i];
    }
    return NULL;
}

static int read_members(struct reader *r, const struct slot *s)
{
    const rota_type *type = s->type;
    size_t expected = 0;
    struct json_string name;
    int rc;

    do {
        if (json_scan_name(&r->text, &name) < 0)
            return -EBADMSG;
        if (name.escaped && json_copy_string(r->arena, &name, &name.raw) < 0)
            return -ENOMEM;
        const rota_field *f = find_member(type, name.raw, expected);
        if (f) {
            expected = (size_t)(f - type->fields) + 1;
            rc = read_member(r, f, s->place, s->out);
        } else {
            rc = read_unknown(r, s, name.raw);
        }
        if (rc < 0)
            return rc;
        rc = json_scan_next(&r->text, '}');
    } while (rc > 0);
    return rc;
}

static int read_model(struct reader *r, const struct slot *s)
{
    if (*r->text.at != '{')
        return wrong_type(r, s);
    if (json_enter(&r->text) < 0)
        return -EBADMSG;
    if (json_peek(&r->text) == '}') {
        r->text.at++;
        r->text.depth--;
    } else {
        int rc = read_members(r, s);
        if (rc < 0)
            return rc;
    }
    return fill_absent(r, s);
}

static int read_value(struct reader *r, const struct slot *s)
{
    if (json_peek(&r->text) == '\0')
        return json_wrong(&r->text, r->text.at, "expected a value");
    switch (s->type->kind) {
    case ROTA_KIND_BOOL: return read_bool(r, s);
    case ROTA_KIND_STR: return read_string(r, s);
    case ROTA_KIND_ENUM: return read_enum(r, s);
    case ROTA_KIND_LIST: return read_list(r, s);
    case ROTA_KIND_MODEL: return read_model(r, s);
    case ROTA_KIND_I32:
    case ROTA_KIND_U32:
    case ROTA_KIND_I64:
    case ROTA_KIND_U64:
    case ROTA_KIND_F64: return read_number(r, s);
    default: return wrong_type(r, s);
    }
}

int json_read(struct model_report *report, const rota_type *type,
              const rota_field *f, rota_str text, void *out)
{
    struct reader r = { .arena = report->arena, .report = report };
    struct slot s = { type, f, NULL, out };

    json_open(&r.text, text.ptr ? text : ROTA_STR(""));
    int rc = read_value(&r, &s);
    if (rc == 0 && json_peek(&r.text) == '\0' && r.text.at == r.text.end)
        return 0;
    if (rc == 0)
        rc = json_wrong(&r.text, r.text.at, "expected the end of the text");
    if (rc == -EBADMSG)
        model_report_broken(report, r.text.whole, r.text.wrong_at,
                            r.text.wrong);
    return report->no_memory ? -ENOMEM : rc;
}

int rota_json_parse(rota_arena *a, const rota_type *type, rota_str text,
                    void *out, rota_errors *errors)
{
    struct model_report report = {
        .arena = a,
        .errors = errors,
        .in = "body",
        .whole = type,
    };

    memset(out, 0, type->size);
    int rc = json_read(&report, type, NULL, text, out);
    if (rc == 0 && report.found)
        return report.no_memory ? -ENOMEM : -EINVAL;
    return rc;
}
