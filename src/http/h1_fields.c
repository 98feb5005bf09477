/*
 * The header lines that steer the connection: Host, Connection, Content-Length,
 * Transfer-Encoding, Expect, Upgrade. They are told apart by the length of
 * their name, then by words; every other line costs one switch. What two
 * servers could read differently is refused, most of all any doubt about where
 * a body ends (RFC 9112 6.3 and 11.2).
 */
#include "http/h1_fields.h"

#include <arpa/inet.h>

#include "http/h1_scan.h"

enum { PORT_MOST = 65535 };

static rota_str str_at(const char *in, struct h1_span span)
{
    return (rota_str){ in + span.at, span.len };
}

#define IS(s, literal)                 \
    ((s).len == sizeof(literal) - 1 && \
     h1_folds_to((s).ptr, literal, sizeof(literal) - 1))

/* [IPv6] of RFC 3986 3.2.2; `s` is what the brackets hold. */
static bool ipv6_good(rota_str s)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr address;
    if (s.len >= sizeof text)
        return false;
    memcpy(text, s.ptr, s.len);
    text[s.len] = '\0';
    /* A NUL inside would end the text early. */
    return strlen(text) == s.len && inet_pton(AF_INET6, text, &address) == 1;
}

/* ":" and a port that one could connect to. */
static bool port_good(rota_str s)
{
    unsigned port = 0;
    if (s.len < 2 || s.len > 6)
        return false;
    for (size_t i = 1; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
        port = port * 10 + (unsigned)(s.ptr[i] - '0');
    }
    return port > 0 && port <= PORT_MOST;
}

bool h1_authority_good(rota_str s)
{
    size_t n = 0;
    if (s.len > 0 && s.ptr[0] == '[') {
        const char *close = memchr(s.ptr, ']', s.len);
        if (!close)
            return false;
        n = (size_t)(close - s.ptr) + 1;
        if (!ipv6_good((rota_str){ s.ptr + 1, n - 2 }))
            return false;
    } else {
        n = (size_t)(h1_scan_class(s.ptr, s.ptr + s.len, H1_NAME) - s.ptr);
        if (n == 0)
            return false;
    }
    if (n == s.len)
        return true;
    return s.ptr[n] == ':' && port_good((rota_str){ s.ptr + n, s.len - n });
}

/* Both were found good, so that setting bit 5 folds nothing but letters. */
static bool same_authority(rota_str a, rota_str b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        if ((a.ptr[i] | 0x20) != (b.ptr[i] | 0x20))
            return false;
    }
    return true;
}

static int take_host(struct h1_fields *f, struct h1_head *head, const char *in,
                     struct h1_span value)
{
    rota_str host = str_at(in, value);
    if (f->host || !h1_authority_good(host))
        return -400;
    f->host = true;
    /* RFC 9112 3.2.2 lets the target win; we ask that they agree, since
     * something in between may have looked at the other one. */
    if (f->absolute)
        return same_authority(host, str_at(in, head->host)) ? 0 : -400;
    head->host = value;
    return 0;
}

static int take_length(struct h1_fields *f, struct h1_head *head, rota_str s)
{
    enum { DIGITS_MOST = 19 }; /* so that the sum stays below 2^64 */
    if (f->length || f->coding || s.len == 0 || s.len > DIGITS_MOST)
        return -400;
    if (s.ptr[0] == '0' && s.len > 1)
        return -400;
    uint64_t sum = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return -400;
        sum = sum * 10 + (uint64_t)(s.ptr[i] - '0');
    }
    if (sum > INT64_MAX)
        return -400;
    f->length = true;
    head->content_length = sum;
    head->body = sum ? H1_BODY_LENGTH : H1_BODY_NONE;
    return 0;
}

/* Cuts the next member off a comma-separated list (RFC 9110 5.6.1). */
static rota_str cut_member(rota_str *list)
{
    const char *comma = memchr(list->ptr, ',', list->len);
    rota_str member = { list->ptr,
                        comma ? (size_t)(comma - list->ptr) : list->len };
    size_t used = member.len + (comma != NULL);
    *list = (rota_str){ list->ptr + used, list->len - used };
    while (member.len > 0 && (*member.ptr == ' ' || *member.ptr == '\t')) {
        member.ptr++;
        member.len--;
    }
    while (member.len > 0 && (member.ptr[member.len - 1] == ' ' ||
                              member.ptr[member.len - 1] == '\t'))
        member.len--;
    return member;
}

static bool is_token(rota_str s)
{
    return s.len > 0 && h1_scan_token(s.ptr, s.ptr + s.len) == s.ptr + s.len;
}

/*
 * Only chunked is known. Where chunked is not the last coding the end of the
 * body can't be told (400, RFC 9112 6.3); another one below it we do not
 * understand (501, RFC 9112 6.1).
 */
static int take_coding(struct h1_fields *f, struct h1_head *head, rota_str s)
{
    /* HTTP/1.0 has no transfer codings: who sends one there is not who they
     * say, or something in between changed the version (RFC 9112 6.1). */
    if (f->coding || f->length || head->minor == 0)
        return -400;
    f->coding = true;
    head->body = H1_BODY_CHUNKED;
    if (IS(s, "chunked"))
        return 0;
    if (s.len == 0 || s.ptr[s.len - 1] == ',')
        return -400;
    while (s.len > 0) {
        rota_str coding = cut_member(&s);
        bool last = s.len == 0;
        if (!is_token(coding) || IS(coding, "chunked") != last)
            return -400;
    }
    f->refusal = -501;
    return 0;
}

static int take_connection(struct h1_fields *f, rota_str s)
{
    if (IS(s, "keep-alive")) { /* what nearly all of them say */
        f->connection_keep = true;
        return 0;
    }
    while (s.len > 0) {
        rota_str word = cut_member(&s);
        if (word.len == 0) /* to be put up with, RFC 9110 5.6.1.2 */
            continue;
        if (!is_token(word))
            return -400;
        f->connection_close |= IS(word, "close");
        f->connection_keep |= IS(word, "keep-alive");
        f->connection_upgrade |= IS(word, "upgrade");
    }
    return 0;
}

/* RFC 9110 10.1.1: one expectation exists, and HTTP/1.0 has none. */
static void take_expect(struct h1_fields *f, struct h1_head *head, rota_str s)
{
    if (head->minor == 0)
        return;
    if (IS(s, "100-continue"))
        head->expect_continue = true;
    else if (!f->refusal)
        f->refusal = -417;
}

int h1_fields_take(struct h1_fields *f, struct h1_head *head, const char *in,
                   const struct h1_header *line)
{
    rota_str name = str_at(in, line->name), value = str_at(in, line->value);
    switch (name.len) {
    case sizeof "host" - 1:
        return IS(name, "host") ? take_host(f, head, in, line->value) : 0;
    case sizeof "expect" - 1:
        if (IS(name, "expect"))
            take_expect(f, head, value);
        return 0;
    case sizeof "upgrade" - 1:
        if (IS(name, "upgrade"))
            f->upgrade = value.len > 0;
        return 0;
    case sizeof "connection" - 1:
        return IS(name, "connection") ? take_connection(f, value) : 0;
    case sizeof "content-length" - 1:
        return IS(name, "content-length") ? take_length(f, head, value) : 0;
    case sizeof "transfer-encoding" - 1:
        return IS(name, "transfer-encoding") ? take_coding(f, head, value) : 0;
    }
    return 0;
}

int h1_fields_end(const struct h1_fields *f, struct h1_head *head)
{
    if (head->minor == 1 && !f->host)
        return -400; /* RFC 9112 3.2 */
    if (f->refusal)
        return f->refusal;
    /* RFC 9112 9.3: close wins over anything beside it. */
    head->keep_alive =
        !f->connection_close && (head->minor == 1 || f->connection_keep);
    /* RFC 9110 7.8: to be ignored on HTTP/1.0. */
    head->upgrade = head->minor == 1 && f->connection_upgrade && f->upgrade;
    return 0;
}
