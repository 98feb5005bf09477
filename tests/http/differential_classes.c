/*
 * The known classes of difference between rota's parser and llhttp's, each as
 * a look at the message that is simpler than either parser. Their reasons are
 * in docs/http-differences.md, under the same names.
 */
#include <strings.h>

#include "differential.h"
#include "http/h1_scan.h"
#include "test.h"

struct text {
    const char *ptr;
    size_t len;
};

static bool starts(struct text s, const char *with)
{
    size_t n = strlen(with);
    return s.len >= n && strncasecmp(s.ptr, with, n) == 0;
}

static bool holds(struct text s, const char *part)
{
    return s.ptr && memmem(s.ptr, s.len, part, strlen(part)) != NULL;
}

static bool is(struct text s, const char *whole)
{
    return s.len == strlen(whole) && starts(s, whole);
}

static struct text trimmed(struct text s)
{
    while (s.len > 0 && (s.ptr[0] == ' ' || s.ptr[0] == '\t'))
        s = (struct text){ s.ptr + 1, s.len - 1 };
    while (s.len > 0 && strchr(" \t\r", s.ptr[s.len - 1]))
        s.len--;
    return s;
}

/* Cuts the next line off, whatever ends it; false when there is none. */
static bool next_line(struct text *rest, struct text *line)
{
    if (rest->len == 0)
        return false;
    const char *lf = memchr(rest->ptr, '\n', rest->len);
    size_t n = lf ? (size_t)(lf - rest->ptr) : rest->len;
    *line = (struct text){ rest->ptr, n };
    if (n > 0 && line->ptr[n - 1] == '\r')
        line->len--;
    n += lf != NULL;
    *rest = (struct text){ rest->ptr + n, rest->len - n };
    return true;
}

/* The request line; `rest` is what follows it. */
static struct text request_line(const struct message *m, struct text *rest)
{
    struct text line = { m->ptr, 0 };
    *rest = (struct text){ m->ptr, m->len };
    while (next_line(rest, &line) && line.len == 0)
        ;
    return line;
}

/* Cuts the next header line off; false at the blank line. */
static bool next_header(struct text *rest, struct text *name,
                        struct text *value)
{
    struct text line;
    if (!next_line(rest, &line) || line.len == 0)
        return false;
    const char *colon = memchr(line.ptr, ':', line.len);
    size_t n = colon ? (size_t)(colon - line.ptr) : line.len;
    *name = (struct text){ line.ptr, n };
    n += colon != NULL;
    *value = (struct text){ line.ptr + n, line.len - n };
    return true;
}

/* Whether a header line of that name has a value that `wanted` says yes to;
 * where it is NULL, whether there is such a line. */
static bool any_header(const struct message *m, const char *name,
                       bool (*wanted)(struct text value))
{
    struct text rest, have, value;
    request_line(m, &rest);
    while (next_header(&rest, &have, &value)) {
        if (is(trimmed(have), name) && (!wanted || wanted(value)))
            return true;
    }
    return false;
}

static int count_headers(const struct message *m, const char *name)
{
    struct text rest, have, value;
    int count = 0;
    request_line(m, &rest);
    while (next_header(&rest, &have, &value))
        count += is(have, name);
    return count;
}

/* What follows the head. */
static struct text behind_head(const struct message *m)
{
    struct text rest, name, value;
    request_line(m, &rest);
    while (next_header(&rest, &name, &value))
        ;
    return rest;
}

static bool is_chunked(const struct message *m)
{
    return any_header(m, "transfer-encoding", NULL);
}

static bool has_version(const struct message *m, const char *version)
{
    struct text rest, line = request_line(m, &rest);
    return holds(line, version);
}

/* Line ends. */

static bool bare_line_feed(const struct message *m)
{
    for (size_t i = 0; i < m->len; i++) {
        if (m->ptr[i] == '\n' && (i == 0 || m->ptr[i - 1] != '\r'))
            return true;
    }
    return false;
}

static bool bare_return(const struct message *m)
{
    for (size_t i = 0; i < m->len; i++) {
        if (m->ptr[i] == '\r' && (i + 1 == m->len || m->ptr[i + 1] != '\n'))
            return true;
    }
    return false;
}

static bool blank_lines(const struct message *m)
{
    struct text s = { m->ptr, m->len };
    return starts(s, "\r\n\r\n\r\n");
}

static bool folded_line(const struct message *m)
{
    struct text s = { m->ptr, m->len };
    return holds(s, "\r\n ") || holds(s, "\r\n\t");
}

static bool empty_name(const struct message *m)
{
    struct text s = { m->ptr, m->len };
    return holds(s, "\r\n:");
}

/* The request line. */

static bool line_spacing(const struct message *m)
{
    struct text rest, line = request_line(m, &rest);
    int spaces = 0;
    for (size_t i = 0; i < line.len; i++)
        spaces += line.ptr[i] == ' ';
    return spaces != 2 || holds(line, "\t");
}

static bool other_method(const struct message *m)
{
    static const char *const served[] = { "GET ",    "HEAD ",  "POST ",
                                          "PUT ",    "PATCH ", "DELETE ",
                                          "OPTIONS " };
    struct text rest, line = request_line(m, &rest);
    for (size_t i = 0; i < sizeof served / sizeof *served; i++) {
        if (starts(line, served[i]))
            return false;
    }
    return true;
}

static bool other_version(const struct message *m)
{
    return !has_version(m, " HTTP/1.1") && !has_version(m, " HTTP/1.0");
}

/* llhttp knows by the first letters that it will not know the method; we look
 * at the whole line first. */
static bool method_early(const struct message *m)
{
    return other_method(m) && !memchr(m->ptr, '\n', m->len);
}

/* The target, as far as there is one. */
static struct text target_of(const struct message *m)
{
    struct text rest, line = request_line(m, &rest);
    const char *space = memchr(line.ptr, ' ', line.len);
    if (!space)
        return (struct text){ line.ptr, 0 };
    line.len -= (size_t)(space + 1 - line.ptr);
    line.ptr = space + 1;
    space = memrchr(line.ptr, ' ', line.len);
    if (space)
        line.len = (size_t)(space - line.ptr);
    return line;
}

static bool target_byte(const struct message *m)
{
    struct text target = target_of(m);
    for (size_t i = 0; i < target.len; i++) {
        unsigned char b = (unsigned char)target.ptr[i];
        if (b < ' ' || b >= 0x7f || strchr("\"<>#\\", b))
            return true;
    }
    return false;
}

static bool target_escape(const struct message *m)
{
    struct text s = target_of(m);
    const char *query = memchr(s.ptr, '?', s.len);
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] != '%')
            continue;
        bool whole = s.len - i > 2 && h1_is(s.ptr[i + 1], H1_HEX) &&
                     h1_is(s.ptr[i + 2], H1_HEX);
        if (whole ? memcmp(s.ptr + i, "%00", 3) == 0
                  : !query || query > s.ptr + i)
            return true;
    }
    return false;
}

/* The authority of an absolute target of ours; len 0 if it is none. */
static struct text authority_of(const struct message *m)
{
    struct text target = target_of(m);
    size_t skip = starts(target, "http://")    ? 7
                  : starts(target, "https://") ? 8
                                               : target.len;
    target.ptr += skip;
    target.len -= skip;
    for (size_t i = 0; i < target.len; i++) {
        if (target.ptr[i] == '/' || target.ptr[i] == '?')
            target.len = i;
    }
    return target;
}

/* A host that is one at the first look: name or brackets, and a port. */
static bool looks_wrong(struct text host)
{
    size_t i = 0, digits = 0;
    unsigned port = 0;
    host = trimmed(host);
    if (host.len > 0 && host.ptr[0] == '[') {
        while (i < host.len && host.ptr[i] != ']') {
            if (i > 0 && !h1_is(host.ptr[i], H1_HEX) &&
                !strchr(":.", host.ptr[i]))
                return true;
            i++;
        }
        if (i++ == host.len)
            return true;
    }
    while (i < host.len && h1_is(host.ptr[i], H1_NAME))
        i++;
    if (i == 0 || i == host.len || host.ptr[i] != ':')
        return i == 0 || i < host.len;
    for (i++; i < host.len && host.ptr[i] >= '0' && host.ptr[i] <= '9'; i++) {
        port = port * 10 + (unsigned)(host.ptr[i] - '0');
        if (++digits > 5)
            return true;
    }
    return i < host.len || port == 0 || port > 65535;
}

static bool target_form(const struct message *m)
{
    struct text rest, line = request_line(m, &rest), target = target_of(m);
    if (starts(target, "/"))
        return false;
    if (starts(target, "*"))
        return target.len > 1 || !starts(line, "OPTIONS ");
    return looks_wrong(authority_of(m));
}

/* Host. */

static bool host_missing(const struct message *m)
{
    return !has_version(m, "HTTP/1.0") && count_headers(m, "host") == 0;
}

static bool host_repeated(const struct message *m)
{
    return count_headers(m, "host") > 1;
}

static bool host_malformed(const struct message *m)
{
    return any_header(m, "host", looks_wrong);
}

/* An IPv6 address of the right bytes which is none. Only whether the brackets
 * are there is asked: that is a matter for inet_pton. */
static bool has_bracket(struct text host)
{
    return starts(trimmed(host), "[");
}

static bool host_address(const struct message *m)
{
    return any_header(m, "host", has_bracket) || starts(authority_of(m), "[");
}

static bool host_mismatch(const struct message *m)
{
    struct text rest, name, value, authority = authority_of(m);
    request_line(m, &rest);
    while (authority.len > 0 && next_header(&rest, &name, &value)) {
        value = trimmed(value);
        if (is(name, "host") &&
            (value.len != authority.len ||
             strncasecmp(value.ptr, authority.ptr, value.len) != 0))
            return true;
    }
    return false;
}

/* Framing. */

static bool begins_zero(struct text value)
{
    value = trimmed(value);
    return value.len > 1 && value.ptr[0] == '0';
}

static bool length_zeros(const struct message *m)
{
    return any_header(m, "content-length", begins_zero);
}

static bool is_huge(struct text value)
{
    static const char most[] = "9223372036854775807";
    value = trimmed(value);
    return value.len > sizeof most - 1 ||
           (value.len == sizeof most - 1 &&
            memcmp(value.ptr, most, sizeof most - 1) > 0);
}

static bool length_huge(const struct message *m)
{
    return any_header(m, "content-length", is_huge);
}

static bool coding_version(const struct message *m)
{
    return has_version(m, "HTTP/1.0") && is_chunked(m);
}

static bool is_not_chunked(struct text value)
{
    return !is(trimmed(value), "chunked");
}

static bool coding_list(const struct message *m)
{
    return any_header(m, "transfer-encoding", is_not_chunked) ||
           count_headers(m, "transfer-encoding") > 1;
}

static bool has_tab_behind(struct text value)
{
    const char *tab = memrchr(value.ptr, '\t', value.len);
    return tab && tab > trimmed(value).ptr;
}

static bool value_tab(const struct message *m)
{
    return any_header(m, "content-length", has_tab_behind) ||
           any_header(m, "transfer-encoding", has_tab_behind);
}

/* Connection, Expect. */

static bool is_no_list(struct text value)
{
    value = trimmed(value);
    for (size_t i = 0; i < value.len; i++) {
        if (h1_is(value.ptr[i], H1_TOKEN) || strchr(", \t", value.ptr[i])) {
            bool gap = value.ptr[i] == ' ' || value.ptr[i] == '\t';
            if (gap && i > 0 && h1_is(value.ptr[i - 1], H1_TOKEN) &&
                h1_is(
                    *trimmed((struct text){ value.ptr + i, value.len - i }).ptr,
                    H1_TOKEN))
                return true;
        } else {
            return true;
        }
    }
    return false;
}

static bool connection_malformed(const struct message *m)
{
    return any_header(m, "connection", is_no_list);
}

static bool connection_tab(const struct message *m)
{
    return any_header(m, "connection", has_tab_behind);
}

static bool has_close(struct text value)
{
    return holds(value, "close");
}

static bool connection_both(const struct message *m)
{
    return has_version(m, "HTTP/1.0") && any_header(m, "connection", has_close);
}

static bool proxy_connection(const struct message *m)
{
    return any_header(m, "proxy-connection", NULL);
}

static bool is_not_continue(struct text value)
{
    return !is(trimmed(value), "100-continue");
}

static bool expect_unknown(const struct message *m)
{
    return any_header(m, "expect", is_not_continue);
}

/* Chunks. Whichever line it is in that a mark stands: the parsers agree on
 * which lines are chunk sizes. */

static bool chunk_lines(const struct message *m,
                        bool (*wanted)(struct text line))
{
    struct text rest = behind_head(m), line;
    if (!is_chunked(m))
        return false;
    while (next_line(&rest, &line)) {
        if (wanted(line))
            return true;
    }
    return false;
}

static size_t hex_digits(struct text line)
{
    size_t n = 0;
    while (n < line.len && h1_is(line.ptr[n], H1_HEX))
        n++;
    return n;
}

static bool is_extension_wrong(struct text line)
{
    size_t digits = hex_digits(line);
    if (digits == 0 || line.len == digits)
        return false;
    const char *quote = memchr(line.ptr, '"', line.len);
    return holds(line, ";;") || holds(line, ";=") || holds(line, "==") ||
           memchr(line.ptr, 0x7f, line.len) || (quote && quote[-1] != '=') ||
           strchr(";=", line.ptr[line.len - 1]);
}

static bool chunk_extension(const struct message *m)
{
    return chunk_lines(m, is_extension_wrong);
}

static bool has_blank_or_escape(struct text line)
{
    size_t digits = hex_digits(line);
    return digits > 0 && line.len > digits &&
           strchr("; \t", line.ptr[digits]) &&
           (holds(line, " ") || holds(line, "\t") || holds(line, "\\"));
}

static bool chunk_blank(const struct message *m)
{
    return chunk_lines(m, has_blank_or_escape);
}

static bool has_two_extensions(struct text line)
{
    const char *first = memchr(line.ptr, ';', line.len);
    const char *last = memrchr(line.ptr, ';', line.len);
    return hex_digits(line) > 0 && first != last;
}

static bool chunk_extension_list(const struct message *m)
{
    return chunk_lines(m, has_two_extensions);
}

static bool has_many_digits(struct text line)
{
    return hex_digits(line) > 16;
}

static bool chunk_digits(const struct message *m)
{
    return chunk_lines(m, has_many_digits);
}

static bool is_size_huge(struct text line)
{
    return hex_digits(line) == 16 && line.ptr[0] >= '7';
}

static bool chunk_huge(const struct message *m)
{
    return chunk_lines(m, is_size_huge);
}

static bool is_head_field(struct text line)
{
    static const char *const names[] = {
        "authorization:",
        "connection:",
        "content-length:",
        "content-type:",
        "cookie:",
        "host:",
        "transfer-encoding:",
        "content-encoding:",
        "content-range:",
        "expect:",
        "te:",
        "trailer:",
        "upgrade:",
        "proxy-authorization:",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (starts(line, names[i]))
            return true;
    }
    return false;
}

static bool trailer_field(const struct message *m)
{
    return chunk_lines(m, is_head_field);
}

/* Beyond H1_LIMITS_DEFAULT, or the limits of trailers and extensions. */
static bool beyond_limits(const struct message *m)
{
    struct text rest = { m->ptr, m->len }, line;
    struct h1_limits limits = H1_LIMITS_DEFAULT;
    int lines = 0;
    bool long_line = target_of(m).len > limits.target || m->len > limits.head;
    while (next_line(&rest, &line)) {
        lines++;
        long_line |= line.len > H1_CHUNK_EXT_MOST && hex_digits(line) > 0;
    }
    return long_line || lines > limits.headers;
}

const struct difference differences[] = {
    { "bare-line-feed", OURS_REFUSES, bare_line_feed },
    { "bare-carriage-return", OURS_REFUSES, bare_return },
    { "blank-lines", OURS_REFUSES, blank_lines },
    { "folded-line", OURS_REFUSES, folded_line },
    { "empty-name", OURS_REFUSES, empty_name },
    { "request-line-spacing", OURS_REFUSES, line_spacing },
    { "method-not-served", OURS_REFUSES, other_method },
    { "version-not-served", OURS_REFUSES, other_version },
    { "target-byte", OURS_REFUSES, target_byte },
    { "target-escape", OURS_REFUSES, target_escape },
    { "target-form", OURS_REFUSES, target_form },
    { "host-missing", OURS_REFUSES, host_missing },
    { "host-repeated", OURS_REFUSES, host_repeated },
    { "host-malformed", OURS_REFUSES, host_malformed },
    { "host-mismatch", OURS_REFUSES, host_mismatch },
    { "host-address", OURS_REFUSES, host_address },
    { "length-zeros", OURS_REFUSES, length_zeros },
    { "length-huge", OURS_REFUSES, length_huge },
    { "coding-on-1.0", OURS_REFUSES, coding_version },
    { "coding-list", OURS_REFUSES, coding_list },
    { "connection-malformed", OURS_REFUSES, connection_malformed },
    { "expect-unknown", OURS_REFUSES, expect_unknown },
    { "chunk-extension", OURS_REFUSES, chunk_extension },
    { "chunk-size-digits", OURS_REFUSES, chunk_digits },
    { "chunk-size-huge", OURS_REFUSES, chunk_huge },
    { "trailer-of-the-head", OURS_REFUSES, trailer_field },
    { "limits", OURS_REFUSES, beyond_limits },
    { "method-not-known", LLHTTP_REFUSES, method_early },
    { "tab-behind-value", LLHTTP_REFUSES, value_tab },
    { "chunk-extension-blank", LLHTTP_REFUSES, chunk_blank },
    { "chunk-extension-list", LLHTTP_REFUSES, chunk_extension_list },
    { "tab-behind-connection", BOTH_TAKE, connection_tab },
    { "close-beside-keep-alive", BOTH_TAKE, connection_both },
    { "proxy-connection", BOTH_TAKE, proxy_connection },
};

const size_t differences_count = sizeof differences / sizeof *differences;
