/*
 * The two readers of the differential test: rota's parser, and llhttp 8.1 in
 * its strict mode, both brought to the same form.
 */
#include <llhttp.h>

#include "differential.h"
#include "test.h"

static void append(char *to, size_t *len, size_t room, const char *from,
                   size_t n)
{
    CHECK(*len + n <= room);
    if (n > 0)
        memcpy(to + *len, from, n);
    *len += n;
}

static void append_line(struct reading *r, const char *from, size_t n)
{
    append(r->lines, &r->lines_len, sizeof r->lines, from, n);
}

static void reset(struct reading *r)
{
    r->verdict = READ_PARTIAL;
    r->head = false;
    r->method[0] = '\0';
    r->target_len = r->lines_len = r->data_len = r->used = 0;
}

/* Ours. */

static void ours_chunks(const struct message *m, struct reading *r)
{
    struct h1_chunks c;
    int rc;
    h1_chunks_init(&c);
    do {
        size_t used;
        rota_str data;
        rc = h1_chunks_next(&c, m->ptr + r->used, m->len - r->used, &used,
                            &data);
        append(r->data, &r->data_len, sizeof r->data, data.ptr, data.len);
        r->used += used;
    } while (rc == H1_CHUNKS_DATA);
    if (rc < 0)
        r->verdict = READ_REFUSED;
    else if (rc == H1_CHUNKS_END)
        r->verdict = READ_WHOLE;
}

static void ours_body(const struct message *m, const struct h1_head *head,
                      struct reading *r)
{
    size_t rest = m->len - r->used;
    if (head->body == H1_BODY_CHUNKED) {
        ours_chunks(m, r);
        return;
    }
    size_t n = head->content_length < rest ? head->content_length : rest;
    append(r->data, &r->data_len, sizeof r->data, m->ptr + r->used, n);
    r->used += n;
    if (n == head->content_length)
        r->verdict = READ_WHOLE;
}

void ours_read(const struct message *m, struct reading *r)
{
    struct h1_limits limits = H1_LIMITS_DEFAULT;
    struct h1_head head;
    size_t scanned = 0;
    reset(r);
    int rc = h1_parse_head(m->ptr, m->len, &scanned, &limits, &head);
    if (rc < 0)
        r->verdict = READ_REFUSED;
    if (rc <= 0)
        return;
    r->head = true;
    r->used = (size_t)rc;
    r->body = head.body;
    r->keep_alive = head.keep_alive;
    snprintf(r->method, sizeof r->method, "%.*s",
             ROTA_STR_ARG(h1_method_name(head.method)));
    append(r->target, &r->target_len, sizeof r->target, m->ptr + head.target.at,
           head.target.len);
    for (unsigned i = 0; i < head.count; i++) {
        const struct h1_header *h = &head.headers[i];
        append_line(r, m->ptr + h->name.at, h->name.len);
        append_line(r, ":", 1);
        append_line(r, m->ptr + h->value.at, h->value.len);
        append_line(r, "\n", 1);
    }
    ours_body(m, &head, r);
}

/* llhttp's, by its callbacks. */

static int on_url(llhttp_t *p, const char *at, size_t n)
{
    struct reading *r = p->data;
    append(r->target, &r->target_len, sizeof r->target, at, n);
    return 0;
}

/* Trailers come as header lines do, and are not of the head. */

static int on_header_text(llhttp_t *p, const char *at, size_t n)
{
    struct reading *r = p->data;
    if (!r->head)
        append_line(r, at, n);
    return 0;
}

static int on_field_end(llhttp_t *p)
{
    return on_header_text(p, ":", 1);
}

/* White space behind a value is left to the caller by llhttp's interface. */
static int on_value_end(llhttp_t *p)
{
    struct reading *r = p->data;
    while (!r->head && r->lines_len > 0 &&
           (r->lines[r->lines_len - 1] == ' ' ||
            r->lines[r->lines_len - 1] == '\t'))
        r->lines_len--;
    return on_header_text(p, "\n", 1);
}

static int on_headers_end(llhttp_t *p)
{
    struct reading *r = p->data;
    r->head = true;
    r->keep_alive = llhttp_should_keep_alive(p) != 0;
    r->body = H1_BODY_NONE;
    if (p->flags & F_CHUNKED)
        r->body = H1_BODY_CHUNKED;
    else if ((p->flags & F_CONTENT_LENGTH) && p->content_length > 0)
        r->body = H1_BODY_LENGTH;
    snprintf(r->method, sizeof r->method, "%s",
             llhttp_method_name((llhttp_method_t)p->method));
    return 0;
}

static int on_body(llhttp_t *p, const char *at, size_t n)
{
    struct reading *r = p->data;
    append(r->data, &r->data_len, sizeof r->data, at, n);
    return 0;
}

static int on_end(llhttp_t *p)
{
    struct reading *r = p->data;
    r->verdict = READ_WHOLE;
    return HPE_PAUSED;
}

void llhttp_read(const struct message *m, struct reading *r)
{
    llhttp_settings_t settings;
    llhttp_t parser;
    llhttp_settings_init(&settings);
    settings.on_url = on_url;
    settings.on_header_field = on_header_text;
    settings.on_header_field_complete = on_field_end;
    settings.on_header_value = on_header_text;
    settings.on_header_value_complete = on_value_end;
    settings.on_headers_complete = on_headers_end;
    settings.on_body = on_body;
    settings.on_message_complete = on_end;
    llhttp_init(&parser, HTTP_REQUEST, &settings);
    parser.data = r;
    reset(r);
    llhttp_errno_t rc = llhttp_execute(&parser, m->ptr, m->len);
    if (rc == HPE_PAUSED || rc == HPE_PAUSED_UPGRADE)
        r->used = (size_t)(llhttp_get_error_pos(&parser) - m->ptr);
    else if (rc != HPE_OK)
        r->verdict = READ_REFUSED;
}
