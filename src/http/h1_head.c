/*
 * The request head, read once from left to right. Each piece of the grammar is
 * a function that takes a position and returns the next, or NULL with the
 * verdict: more bytes are needed, or the request is refused. A refusal depends
 * on nothing but the bytes up to the one that caused it, so that a head means
 * the same in whatever pieces it arrives.
 */
#include "http/h1.h"

#include "http/h1_fields.h"
#include "http/h1_scan.h"

enum {
    BLANK_LINES_MOST = 2, /* before a request line; RFC 9112 2.2 asks for 1 */
    METHOD_MOST = 16,
    VERSION_LINE = 10, /* bytes of "HTTP/1.1\r\n" */
    NEED_MORE = 0,
};

struct parse {
    const char *in;  /* first byte of the head */
    const char *end; /* behind the last byte that may be looked at */
    const struct h1_limits *limits;
    struct h1_head *head;
    struct h1_fields fields;
    int verdict; /* NEED_MORE or the refusal, once a step returned NULL */
    bool method_unknown;
};

static const char *stop(struct parse *s, int verdict)
{
    s->verdict = verdict;
    return NULL;
}

/* Where a run that began at `p` and may have `most` bytes has to end. */
static const char *bound(const struct parse *s, const char *p, size_t most)
{
    return (size_t)(s->end - p) < most ? s->end : p + most;
}

/* A run ended at `p` without what had to follow it there. */
static const char *cut_short(struct parse *s, const char *p, const char *most,
                             int too_long)
{
    if (p == s->end)
        return stop(s, NEED_MORE);
    return stop(s, p == most ? too_long : -400);
}

static struct h1_span span_of(const struct parse *s, const char *from,
                              const char *to)
{
    return (struct h1_span){ (uint16_t)(from - s->in), (uint16_t)(to - from) };
}

static const char *skip_blank_lines(struct parse *s, const char *p)
{
    for (int n = 0; p < s->end && *p == '\r'; n++) {
        if (n == BLANK_LINES_MOST)
            return stop(s, -400);
        if (p + 1 == s->end)
            return stop(s, NEED_MORE);
        if (p[1] != '\n')
            return stop(s, -400);
        p += 2;
    }
    return p;
}

static const rota_str methods[] = {
    [H1_GET] = ROTA_STR("GET"),         [H1_HEAD] = ROTA_STR("HEAD"),
    [H1_POST] = ROTA_STR("POST"),       [H1_PUT] = ROTA_STR("PUT"),
    [H1_PATCH] = ROTA_STR("PATCH"),     [H1_DELETE] = ROTA_STR("DELETE"),
    [H1_OPTIONS] = ROTA_STR("OPTIONS"), [H1_CONNECT] = ROTA_STR("CONNECT"),
    [H1_TRACE] = ROTA_STR("TRACE"),
};

rota_str h1_method_name(enum h1_method method)
{
    return methods[method];
}

static bool find_method(rota_str name, enum h1_method *method)
{
    for (unsigned i = 0; i < sizeof methods / sizeof *methods; i++) {
        if (rota_str_eq(methods[i], name)) {
            *method = (enum h1_method)i;
            return true;
        }
    }
    return false;
}

#define STARTS(p, literal) (memcmp(p, literal, sizeof(literal) - 1) == 0)

/* The method and its space. The two that come most are told by one word. */
static const char *parse_method(struct parse *s, const char *p)
{
    enum { SHORTEST_HEAD = 18 };
    if (s->end - p >= SHORTEST_HEAD) {
        bool get = STARTS(p, "GET ");
        if (get || (STARTS(p, "POST") && p[4] == ' ')) {
            s->head->method = get ? H1_GET : H1_POST;
            return p + (get ? sizeof "GET" : sizeof "POST");
        }
    }
    const char *most = bound(s, p, METHOD_MOST);
    const char *q = h1_scan_token(p, most);
    if (q == s->end)
        return stop(s, NEED_MORE);
    if (q == p || *q != ' ')
        return stop(s, q == most && h1_is(*q, H1_TOKEN) ? -501 : -400);
    s->method_unknown =
        !find_method((rota_str){ p, (size_t)(q - p) }, &s->head->method);
    return q + 1;
}

/* The value of two hexadecimal digits, or -1. */
static int hex_pair(const char *p)
{
    int value = 0;
    for (int i = 0; i < 2; i++) {
        if (!h1_is(p[i], H1_HEX))
            return -1;
        int digit = p[i] <= '9' ? p[i] - '0' : h1_lower(p[i]) - 'a' + 10;
        value = value * 16 + digit;
    }
    return value;
}

/* A run of bytes and escapes that may stand in a path. */
static const char *scan_path(struct parse *s, const char *p, const char *most)
{
    for (;;) {
        p = h1_scan_class(p, most, H1_URL);
        if (p == most || *p != '%')
            return p;
        if (most - p > 1 && !h1_is(p[1], H1_HEX))
            return stop(s, -400);
        if (most - p < 3)
            return cut_short(s, most, most, -414);
        /* %00 would end a name early for whoever uses it as a C string. */
        if (hex_pair(p + 1) <= 0)
            return stop(s, -400);
        p += 3;
    }
}

/* What follows '?'. A '%' may stand alone, browsers send it so; what it means
 * is for the decoder. But no %00. */
static const char *scan_query(struct parse *s, const char *p, const char *most)
{
    for (const char *q = p; q < most; q++) {
        if (!h1_is(*q, H1_URL) && *q != '?' && *q != '%')
            return q;
        if (*q == '0' && q - p >= 2 && memcmp(q - 2, "%0", 2) == 0)
            return stop(s, -400);
    }
    return most;
}

static const char *parse_path(struct parse *s, const char *p, const char *most)
{
    const char *q = scan_path(s, p, most);
    if (!q)
        return NULL;
    /* An absolute target may have no path at all; its span is set. */
    if (q > p)
        s->head->path = span_of(s, p, q);
    if (q == most || *q != '?')
        return q;
    p = q + 1;
    q = scan_query(s, p, most);
    if (q)
        s->head->query = span_of(s, p, q);
    return q;
}

/* How many bytes of [p, end) are those of `lower`, in any case. */
static size_t common(const char *p, const char *end, const char *lower)
{
    size_t n = 0;
    while (p + n < end && lower[n] && h1_lower(p[n]) == lower[n])
        n++;
    return n;
}

static const char *skip_scheme(struct parse *s, const char *p)
{
    static const char plain[] = "http://", secure[] = "https://";
    size_t a = common(p, s->end, plain), b = common(p, s->end, secure);
    if (a == sizeof plain - 1 || b == sizeof secure - 1)
        return p + (a > b ? a : b);
    return stop(s, p + (a > b ? a : b) == s->end ? NEED_MORE : -400);
}

/* http://authority/path, RFC 9112 3.2.2. */
static const char *parse_absolute(struct parse *s, const char *p,
                                  const char *most)
{
    p = skip_scheme(s, p);
    if (!p)
        return NULL;
    const char *q = p;
    while (q < most && (h1_is(*q, H1_NAME) || memchr("[:]", *q, 3)))
        q++;
    if (q >= most && (q == s->end || *q != ' '))
        return cut_short(s, q, q, -414);
    if (!memchr("/? ", *q, 3) ||
        !h1_authority_good((rota_str){ p, (size_t)(q - p) }))
        return stop(s, -400);
    s->head->host = span_of(s, p, q);
    s->fields.absolute = true;
    /* No path means "/" (RFC 9110 4.2.3), and one stands before the host. */
    s->head->path = span_of(s, p - 1, p);
    return parse_path(s, q, most);
}

/* The target and its space. */
static const char *parse_target(struct parse *s, const char *p)
{
    struct h1_head *head = s->head;
    const char *most = bound(s, p, s->limits->target);
    const char *q = p;
    if (p == s->end)
        return stop(s, NEED_MORE);
    if (*p == '/') {
        q = parse_path(s, p, most);
    } else if (*p == '*' && head->method == H1_OPTIONS) {
        q = p + 1;
        head->path = span_of(s, p, q);
    } else if (head->method == H1_CONNECT) {
        while (q < most && h1_is(*q, H1_URL))
            q++;
    } else {
        q = parse_absolute(s, p, most);
    }
    if (!q)
        return NULL;
    if (q == p || q == s->end || *q != ' ')
        return cut_short(s, q, most, -414);
    head->target = span_of(s, p, q);
    return q + 1;
}

/* The version and the end of the request line. */
static const char *parse_version(struct parse *s, const char *p)
{
    static const char pattern[] = "HTTP/0.0\r\n";
    size_t have = (size_t)(bound(s, p, VERSION_LINE) - p);
    if (have == VERSION_LINE && memcmp(p, "HTTP/1.1\r\n", VERSION_LINE) == 0) {
        s->head->minor = 1;
        return p + VERSION_LINE;
    }
    for (size_t i = 0; i < have; i++) {
        bool digit = p[i] >= '0' && p[i] <= '9';
        if (pattern[i] == '0' ? !digit : p[i] != pattern[i])
            return stop(s, -400);
    }
    if (have < VERSION_LINE)
        return stop(s, NEED_MORE);
    if (p[5] != '1' || p[7] > '1')
        return stop(s, -505);
    s->head->minor = (uint8_t)(p[7] - '0');
    return p + VERSION_LINE;
}

static const char *parse_request_line(struct parse *s, const char *p)
{
    p = skip_blank_lines(s, p);
    if (p)
        p = parse_method(s, p);
    if (p)
        p = parse_target(s, p);
    if (p)
        p = parse_version(s, p);
    if (!p)
        return NULL;
    /* Only now, so that a line which is no request line at all is a 400. TRACE
     * would echo credentials, and CONNECT is for proxies. */
    if (s->method_unknown || s->head->method == H1_CONNECT ||
        s->head->method == H1_TRACE)
        return stop(s, -501);
    return p;
}

/* A value ended at `p` and no line end is there, or not all of it. */
static const char *cut_value(struct parse *s, const char *p, const char *most)
{
    if (p == s->end || (*p == '\r' && p + 1 == s->end))
        return stop(s, NEED_MORE);
    return stop(s, p == most && *p != '\r' ? -431 : -400);
}

/* One header line. A folded one (obs-fold) begins with a space, and so has no
 * name here. */
static inline const char *parse_header(struct parse *s, const char *p)
{
    const char *most = bound(s, p, s->limits->line);
    const char *colon = h1_scan_token(p, most);
    if (colon == p || colon == most || *colon != ':')
        return cut_short(s, colon, most, -431);
    const char *value = colon + 1;
    while (value < most && (*value == ' ' || *value == '\t'))
        value++;
    const char *eol = h1_scan_value(value, most);
    if (s->end - eol < 2 || eol[0] != '\r' || eol[1] != '\n')
        return cut_value(s, eol, most);
    const char *tail = eol;
    while (tail > value && (tail[-1] == ' ' || tail[-1] == '\t'))
        tail--;
    struct h1_head *head = s->head;
    struct h1_header *line = &head->headers[head->count++];
    line->name = span_of(s, p, colon);
    line->value = span_of(s, value, tail);
    if (!h1_fields_may_know(line->name.len))
        return eol + 2;
    int rc = h1_fields_take(&s->fields, head, s->in, line);
    return rc < 0 ? stop(s, rc) : eol + 2;
}

/* The header lines and the blank one. */
static const char *parse_headers(struct parse *s, const char *p)
{
    unsigned most = s->limits->headers;
    if (most > H1_HEADERS_MOST)
        most = H1_HEADERS_MOST;
    while (p) {
        if (p == s->end)
            return stop(s, NEED_MORE);
        if (*p == '\r')
            break;
        if (s->head->count == most)
            return stop(s, -431);
        p = parse_header(s, p);
    }
    if (!p)
        return NULL;
    if (s->end - p < 2)
        return stop(s, NEED_MORE);
    if (p[1] != '\n')
        return stop(s, -400);
    int rc = h1_fields_end(&s->fields, s->head);
    return rc < 0 ? stop(s, rc) : p + 2;
}

/* All but the table of header lines, which its count governs. */
static void clear(struct h1_head *head)
{
    memset(head, 0, offsetof(struct h1_head, headers));
}

/*
 * Whether it is worth to parse again now that there are `len` bytes and not
 * `scanned`: when a blank line came, a line feed that is out of place, or the
 * limit. And each time the length doubles, so that nonsense without a line end
 * is found out early, still at a cost that is linear in the bytes.
 */
static bool worth_parsing(const char *in, size_t scanned, size_t len,
                          size_t limit)
{
    if (scanned == 0 || len >= limit || (len ^ scanned) > scanned)
        return true;
    const char *p = in + scanned, *end = in + len;
    while ((p = memchr(p, '\n', (size_t)(end - p)))) {
        bool after_cr = p > in && p[-1] == '\r';
        bool blank = p - in < 2 || p[-2] == '\n';
        if (!after_cr || blank)
            return true;
        p++;
    }
    return false;
}

int h1_parse_head(const char *in, size_t len, size_t *scanned,
                  const struct h1_limits *limits, struct h1_head *head)
{
    size_t before = *scanned;
    *scanned = len;
    if (!worth_parsing(in, before, len, limits->head))
        return NEED_MORE;
    bool full = len >= limits->head;
    struct parse s = {
        .in = in,
        .end = in + (full ? limits->head : len),
        .limits = limits,
        .head = head,
    };
    clear(head);
    const char *p = parse_request_line(&s, in);
    if (p)
        p = parse_headers(&s, p);
    if (p)
        return (int)(p - in);
    return s.verdict == NEED_MORE && full ? -431 : s.verdict;
}

static bool same_name(const char *p, rota_str name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (h1_lower(p[i]) != h1_lower(name.ptr[i]))
            return false;
    }
    return true;
}

rota_str h1_header(const struct h1_head *head, const char *in, rota_str name)
{
    for (unsigned i = 0; i < head->count; i++) {
        const struct h1_header *h = &head->headers[i];
        if (h->name.len == name.len && same_name(in + h->name.at, name))
            return (rota_str){ in + h->value.at, h->value.len };
    }
    return (rota_str){ NULL, 0 };
}
