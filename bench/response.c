/*
 * The parser is strict where a server could be wrong (RFC 9112): the status
 * line's form, CRLF at every line's end, one agreed Content-Length, a chunked
 * body's sizes and line ends. It keeps no header it does not need.
 */
#include "response.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

/* A line without its CRLF. */
struct line {
    const char *ptr;
    size_t len;
};

/* Finds the line at data; returns the bytes up to and with its CRLF, 0 when it
 * is not whole yet, -EBADMSG when it is too long or ends in a bare LF. */
static ssize_t line_take(const char *data, size_t len, struct line *line)
{
    const char *lf = memchr(data, '\n', len);
    if (!lf)
        return len > RESPONSE_LINE_MAX ? -EBADMSG : 0;
    if (lf == data || lf[-1] != '\r')
        return -EBADMSG;
    *line = (struct line){ data, (size_t)(lf - 1 - data) };
    return lf + 1 - data;
}

/* "HTTP/1.1 200 OK": RFC 9112, section 4. The reason may be empty. */
static int status_line(struct response *r, struct line line)
{
    const char *p = line.ptr;
    if (line.len < 13 || memcmp(p, "HTTP/1.", 7) != 0 || p[8] != ' ' ||
        p[12] != ' ')
        return -EBADMSG;
    if (p[7] != '0' && p[7] != '1')
        return -EBADMSG;
    for (int i = 9; i < 12; i++) {
        if (!isdigit((unsigned char)p[i]))
            return -EBADMSG;
        r->status = r->status * 10 + (p[i] - '0');
    }
    r->closes = p[7] == '0';
    /* Nothing asks for an interim response, so none may come. */
    return r->status < 200 ? -EBADMSG : 0;
}

static bool line_is(struct line line, const char *text)
{
    return line.len == strlen(text) &&
           strncasecmp(line.ptr, text, line.len) == 0;
}

static int content_length(struct response *r, struct line value)
{
    uint64_t n = 0;
    if (value.len == 0 || value.len > 18)
        return -EBADMSG;
    for (size_t i = 0; i < value.len; i++) {
        if (!isdigit((unsigned char)value.ptr[i]))
            return -EBADMSG;
        n = n * 10 + (uint64_t)(value.ptr[i] - '0');
    }
    if (r->length_seen && n != r->left)
        return -EBADMSG;
    r->length_seen = true;
    r->left = n;
    return 0;
}

static int header_line(struct response *r, struct line line)
{
    const char *colon = memchr(line.ptr, ':', line.len);
    if (!colon || colon == line.ptr)
        return -EBADMSG;
    struct line name = { line.ptr, (size_t)(colon - line.ptr) };
    struct line value = { colon + 1, line.len - name.len - 1 };
    while (value.len && (*value.ptr == ' ' || *value.ptr == '\t')) {
        value.ptr++;
        value.len--;
    }
    while (value.len && (value.ptr[value.len - 1] == ' ' ||
                         value.ptr[value.len - 1] == '\t'))
        value.len--;
    if (line_is(name, "content-length"))
        return content_length(r, value);
    if (line_is(name, "transfer-encoding")) {
        r->chunked = line_is(value, "chunked");
        return r->chunked ? 0 : -EBADMSG;
    }
    if (line_is(name, "connection"))
        r->closes = line_is(value, "close") ||
                    (r->closes && !line_is(value, "keep-alive"));
    return 0;
}

/* RFC 9112, section 6.3: how the body's end is known. */
static enum response_part body_part(struct response *r)
{
    if (r->status == 204 || r->status == 304) /* these have no body */
        return RESPONSE_DONE;
    if (r->chunked)
        return RESPONSE_CHUNK_LINE;
    if (r->length_seen)
        return r->left ? RESPONSE_BODY : RESPONSE_DONE;
    r->closes = true;
    return RESPONSE_REST;
}

/* The head is looked at only when all of it is there. */
static ssize_t head_feed(struct response *r, const char *data, size_t len)
{
    const char *end = memmem(data, len, "\r\n\r\n", 4);
    if (!end)
        return len > RESPONSE_LINE_MAX ? -EBADMSG : 0;
    size_t head = (size_t)(end + 4 - data);
    struct line line = { NULL, 0 };
    ssize_t at = line_take(data, head, &line);
    if (at < 0 || status_line(r, line) < 0)
        return -EBADMSG;
    while (at < (ssize_t)head - 2) {
        ssize_t n = line_take(data + at, head - (size_t)at, &line);
        if (n <= 0 || header_line(r, line) < 0)
            return -EBADMSG;
        at += n;
    }
    if (r->chunked && r->length_seen)
        return -EBADMSG;
    r->part = body_part(r);
    return (ssize_t)head;
}

/* RFC 9112, section 7.1: hexadecimal size, then perhaps an extension. */
static ssize_t chunk_line_feed(struct response *r, const char *data, size_t len)
{
    struct line line;
    uint64_t size = 0;
    size_t digits = 0;

    ssize_t n = line_take(data, len, &line);
    if (n <= 0)
        return n;
    while (digits < line.len && isxdigit((unsigned char)line.ptr[digits])) {
        int c = tolower((unsigned char)line.ptr[digits++]);
        size = size * 16 + (uint64_t)(isdigit(c) ? c - '0' : c - 'a' + 10);
    }
    if (digits == 0 || digits > 15 ||
        (digits < line.len && !strchr("; \t", line.ptr[digits])))
        return -EBADMSG;
    r->left = size;
    r->part = size ? RESPONSE_CHUNK : RESPONSE_TRAILER;
    return n;
}

/* The CRLF that ends a chunk's data. */
static ssize_t chunk_end_feed(struct response *r, const char *data, size_t len)
{
    if (len < 2)
        return 0;
    if (memcmp(data, "\r\n", 2) != 0)
        return -EBADMSG;
    r->part = RESPONSE_CHUNK_LINE;
    return 2;
}

static ssize_t trailer_feed(struct response *r, const char *data, size_t len)
{
    struct line line;
    ssize_t n = line_take(data, len, &line);
    if (n > 0 && line.len == 0)
        r->part = RESPONSE_DONE;
    return n;
}

/* Bytes that are only counted; then comes the part `next`. */
static ssize_t bytes_feed(struct response *r, size_t len,
                          enum response_part next)
{
    size_t n = len < r->left ? len : (size_t)r->left;
    r->left -= n;
    r->body += n;
    if (r->left == 0)
        r->part = next;
    return (ssize_t)n;
}

static ssize_t part_feed(struct response *r, const char *data, size_t len)
{
    switch (r->part) {
    case RESPONSE_HEAD: return head_feed(r, data, len);
    case RESPONSE_BODY: return bytes_feed(r, len, RESPONSE_DONE);
    case RESPONSE_CHUNK_LINE: return chunk_line_feed(r, data, len);
    case RESPONSE_CHUNK: return bytes_feed(r, len, RESPONSE_CHUNK_END);
    case RESPONSE_CHUNK_END: return chunk_end_feed(r, data, len);
    case RESPONSE_TRAILER: return trailer_feed(r, data, len);
    case RESPONSE_REST: r->body += len; return (ssize_t)len;
    case RESPONSE_DONE: break;
    }
    return 0;
}

void response_init(struct response *r)
{
    *r = (struct response){ .part = RESPONSE_HEAD };
}

ssize_t response_feed(struct response *r, const char *data, size_t len)
{
    size_t taken = 0;
    while (r->part != RESPONSE_DONE && taken < len) {
        ssize_t n = part_feed(r, data + taken, len - taken);
        if (n < 0)
            return n;
        if (n == 0)
            break;
        taken += (size_t)n;
    }
    return (ssize_t)taken;
}

bool response_end(struct response *r)
{
    if (r->part != RESPONSE_REST)
        return false;
    r->part = RESPONSE_DONE;
    return true;
}
