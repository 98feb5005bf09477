/*
 * Any bytes as a request head. What must hold: the verdict is one of those
 * that are documented; all spans lie in the head; what was accepted, looked at
 * again by simpler means, has no doubt in it; and the same bytes in pieces give
 * the same answer.
 */
#include <string.h>
#include <strings.h>

#include "fuzz.h"
#include "http/h1.h"

/* Longer inputs are cut at some places only, to keep the fuzzer fast. */
enum { CUTS_MOST = 64 };

static const struct h1_limits tight = {
    .target = 40, .line = 60, .head = 300, .headers = 6
};

static void check_span(struct h1_span span, size_t len)
{
    FUZZ_CHECK((size_t)span.at + span.len <= len);
}

static void check_value(const char *in, struct h1_span span)
{
    for (size_t i = 0; i < span.len; i++) {
        unsigned char b = (unsigned char)in[span.at + i];
        FUZZ_CHECK(b == '\t' || (b >= ' ' && b != 0x7f));
    }
}

static void check_target(const struct h1_head *head, const char *in, size_t len)
{
    check_span(head->target, len);
    check_span(head->host, len);
    check_span(head->path, len);
    check_span(head->query, len);
    FUZZ_CHECK(head->target.len > 0 && head->path.len > 0);
    FUZZ_CHECK(in[head->path.at] == '/' ||
               (head->method == H1_OPTIONS && in[head->path.at] == '*'));
    FUZZ_CHECK(!memchr(in + head->path.at, '?', head->path.len));
    for (size_t i = 0; i < head->target.len; i++) {
        unsigned char b = (unsigned char)in[head->target.at + i];
        FUZZ_CHECK(b > ' ' && b < 0x7f && b != '#' && b != '\\');
    }
    FUZZ_CHECK(head->host.len > 0 || head->minor == 0);
}

/* How many lines are named so. */
static unsigned lines_of(const struct h1_head *head, const char *in,
                         const char *name)
{
    unsigned count = 0;
    for (unsigned i = 0; i < head->count; i++) {
        struct h1_span span = head->headers[i].name;
        count += span.len == strlen(name) &&
                 strncasecmp(in + span.at, name, span.len) == 0;
    }
    return count;
}

static void check_framing(const struct h1_head *head, const char *in)
{
    unsigned length = lines_of(head, in, "content-length");
    unsigned coding = lines_of(head, in, "transfer-encoding");
    unsigned host = lines_of(head, in, "host");
    FUZZ_CHECK(length + coding <= 1);
    FUZZ_CHECK(host == 1 || (host == 0 && head->minor == 0));
    FUZZ_CHECK((head->body == H1_BODY_CHUNKED) == (coding == 1));
    FUZZ_CHECK(coding == 0 || head->minor == 1);
    if (head->body == H1_BODY_LENGTH)
        FUZZ_CHECK(length == 1 && head->content_length > 0);
    else
        FUZZ_CHECK(head->content_length == 0);
    FUZZ_CHECK(head->content_length <= INT64_MAX);
    if (length == 1) {
        char text[24];
        rota_str value = h1_header(head, in, ROTA_STR("Content-Length"));
        int n = snprintf(text, sizeof text, "%llu",
                         (unsigned long long)head->content_length);
        FUZZ_CHECK(rota_str_eq(value, (rota_str){ text, (size_t)n }));
    }
}

static void check_good(const struct h1_head *head, const char *in, size_t len,
                       const struct h1_limits *limits)
{
    FUZZ_CHECK(len <= limits->head);
    FUZZ_CHECK(head->target.len <= limits->target);
    FUZZ_CHECK(head->count <= limits->headers);
    FUZZ_CHECK(memcmp(in + len - 4, "\r\n\r\n", 4) == 0);
    for (size_t i = 0; i < len; i++) {
        FUZZ_CHECK(in[i] != '\0');
        FUZZ_CHECK(in[i] != '\n' || in[i - 1] == '\r');
        FUZZ_CHECK(in[i] != '\r' || in[i + 1] == '\n');
    }
    check_target(head, in, len);
    for (unsigned i = 0; i < head->count; i++) {
        const struct h1_header *h = &head->headers[i];
        check_span(h->name, len);
        check_span(h->value, len);
        FUZZ_CHECK(h->name.len > 0 && in[h->name.at + h->name.len] == ':');
        FUZZ_CHECK(h->value.at + h->value.len - h->name.at <= limits->line);
        check_value(in, h->value);
    }
    check_framing(head, in);
}

/* Whether a line end stands where a parser has to look again: a blank line
 * behind the request line, or a bare line feed. */
static bool is_complete(const char *in, size_t len)
{
    size_t i = 0;
    while (len - i >= 2 && in[i] == '\r' && in[i + 1] == '\n')
        i += 2;
    for (; i < len; i++) {
        if (in[i] == '\n' && (i < 2 || in[i - 1] != '\r' || in[i - 2] == '\n'))
            return true;
    }
    return false;
}

/* Feeds in steps; the answer must be `whole`'s, though half a head may still
 * wait where all of it at once is refused. */
static void check_pieces(const char *in, size_t len, size_t first, size_t step,
                         const struct h1_limits *limits, int whole)
{
    struct h1_head head;
    size_t scanned = 0, have = first;
    int rc;
    while ((rc = h1_parse_head(in, have, &scanned, limits, &head)) == 0) {
        if (have == len)
            break;
        have = len - have < step ? len : have + step;
    }
    if (rc != whole)
        FUZZ_CHECK(rc == 0 && whole < 0 && !is_complete(in, len));
    if (rc > 0)
        check_good(&head, in, (size_t)rc, limits);
}

static void check(const char *in, size_t len, const struct h1_limits *limits)
{
    struct h1_head head;
    size_t scanned = 0;
    int rc = h1_parse_head(in, len, &scanned, limits, &head);
    FUZZ_CHECK(rc <= (int)len);
    FUZZ_CHECK(scanned <= len);
    if (rc > 0)
        check_good(&head, in, (size_t)rc, limits);
    else
        FUZZ_CHECK(rc == 0 || rc == -400 || rc == -414 ||
                   rc == -417 || rc == -431 || rc == -501 || rc == -505);
    FUZZ_CHECK(rc != 0 || len < limits->head);
    check_pieces(in, len, 0, 1, limits, rc);
    size_t stride = len / CUTS_MOST + 1;
    for (size_t cut = 1; cut < len; cut += stride)
        check_pieces(in, len, cut, len, limits, rc);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const struct h1_limits usual = H1_LIMITS_DEFAULT;
    check((const char *)bytes, size, &usual);
    check((const char *)bytes, size, &tight);
    return 0;
}
