/*
 * The tokens of JSON text (RFC 8259), strictly: what is found wrong first is
 * kept with its place. Nothing is copied here.
 */
#ifndef MODEL_JSON_SCAN_H
#define MODEL_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "model/number.h"
#include "rota/arena.h"
#include "rota/str.h"

struct json_text {
    rota_str whole;
    const char *at; /* the next byte */
    const char *end;
    unsigned depth;       /* of open objects and lists */
    const char *wrong;    /* what is broken, NULL: nothing so far */
    const char *wrong_at; /* and where */
};

/* A string between its quotes, as it stands in the text. */
struct json_string {
    rota_str raw;
    bool escaped; /* there are backslashes in it */
};

static inline void json_open(struct json_text *t, rota_str text)
{
    *t = (struct json_text){ .whole = text,
                             .at = text.ptr,
                             .end = text.ptr + text.len };
}

/* Notes what is wrong; returns -EBADMSG. */
int json_wrong(struct json_text *t, const char *at, const char *what);

static inline void json_space(struct json_text *t)
{
    while (t->at < t->end && (*t->at == ' ' || *t->at == '\n' ||
                              *t->at == '\r' || *t->at == '\t'))
        t->at++;
}

/* The next byte that is no space; NUL at the end (and for a NUL itself,
 * which begins nothing). */
static inline char json_peek(struct json_text *t)
{
    json_space(t);
    return t->at < t->end ? *t->at : '\0';
}

/* Enters an object or list at its bracket; -EBADMSG when too deep. */
int json_enter(struct json_text *t);

/*
 * The string that begins at the quote at hand: its end is found, its UTF-8
 * and its escapes are checked. 0 or -EBADMSG.
 */
int json_scan_string(struct json_text *t, struct json_string *s);

/* A copy with the escapes undone, NUL-terminated. 0 or -ENOMEM. */
int json_copy_string(rota_arena *a, const struct json_string *s, rota_str *out);

/* The name of a member and its colon. 0 or -EBADMSG. */
int json_scan_name(struct json_text *t, struct json_string *name);

/* After a value: 1: a comma was taken, 0: `close` was, or -EBADMSG. */
int json_scan_next(struct json_text *t, char close);

/* A number, or -EBADMSG. */
int json_scan_value_number(struct json_text *t, struct json_number *n);

/* true, false or null, as `word`. 0 or -EBADMSG. */
int json_scan_word(struct json_text *t, const char *word);

/* Any one value, of whatever size and depth. 0 or -EBADMSG. */
int json_skip(struct json_text *t);

#endif
