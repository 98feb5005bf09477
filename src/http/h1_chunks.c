/*
 * A chunked body as a machine of states, one byte at a time; only data goes by
 * in pieces as large as they come. The grammar is RFC 9112 7.1, and a line ends
 * in CRLF or the body is refused: a bare line feed inside an extension is how
 * two servers come to see two different ends of one body.
 */
#include "http/h1.h"
#include "http/h1_scan.h"

enum state {
    SIZE_FIRST, /* before a chunk size */
    SIZE,
    SIZE_LF,   /* the line feed behind size and extensions */
    EXT_BLANK, /* white space that only a ';' may follow */
    EXT_START, /* behind ';' */
    EXT_NAME,
    EXT_NAME_BLANK, /* white space before '=' or ';' */
    EXT_EQUALS,     /* behind '=' */
    EXT_VALUE,
    EXT_QUOTED,
    EXT_ESCAPE, /* behind a backslash in a quoted value */
    EXT_QUOTED_END,
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER_START, /* at the beginning of a line behind the last chunk */
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LF,
    END_LF,
    ENDED,
    REFUSED,
};

/* A step's answer when the byte can not stand where it does. */
enum { BAD = -400, TOO_LARGE = -431 };

void h1_chunks_init(struct h1_chunks *c)
{
    *c = (struct h1_chunks){ .state = SIZE_FIRST };
}

static bool is_blank(char b)
{
    return b == ' ' || b == '\t';
}

static int step_digit(struct h1_chunks *c, char b)
{
    enum { DIGITS_MOST = 16 };
    if (++c->digits > DIGITS_MOST)
        return BAD;
    unsigned digit =
        b <= '9' ? (unsigned)(b - '0') : (unsigned)(h1_lower(b) - 'a') + 10;
    /* With sixteen digits nothing is shifted out; whether the sum of all
     * chunks can be counted is asked when the size is known. */
    c->left = c->left << 4 | digit;
    return SIZE;
}

static int step_size(struct h1_chunks *c, char b)
{
    if (h1_is(b, H1_HEX))
        return step_digit(c, b);
    if (c->state == SIZE_FIRST)
        return BAD;
    if (b == '\r')
        return SIZE_LF;
    if (b == ';')
        return EXT_START;
    return is_blank(b) ? EXT_BLANK : BAD;
}

/* The size line is complete. */
static int step_size_end(struct h1_chunks *c, char b)
{
    if (b != '\n')
        return BAD;
    c->digits = 0;
    if (c->left == 0)
        return TRAILER_START;
    if (c->left > INT64_MAX - c->data)
        return BAD;
    c->data += c->left;
    return DATA;
}

/* What may follow a complete extension, or its name. */
static int step_ext_after(char b, int blank)
{
    if (b == '\r')
        return SIZE_LF;
    if (b == ';')
        return EXT_START;
    return is_blank(b) ? blank : BAD;
}

/* An opening run of blanks, then the first byte of a name or value. */
static int step_ext_open(const struct h1_chunks *c, char b)
{
    if (is_blank(b))
        return c->state;
    if (c->state == EXT_EQUALS && b == '"')
        return EXT_QUOTED;
    if (!h1_is(b, H1_TOKEN))
        return BAD;
    return c->state == EXT_START ? EXT_NAME : EXT_VALUE;
}

static int step_quoted(const struct h1_chunks *c, char b)
{
    if (!h1_is_value(b))
        return BAD;
    if (c->state == EXT_ESCAPE)
        return EXT_QUOTED;
    if (b == '"')
        return EXT_QUOTED_END;
    return b == '\\' ? EXT_ESCAPE : EXT_QUOTED;
}

/* Extensions mean nothing to us, but must be well-formed, and few. */
static int step_ext(struct h1_chunks *c, char b)
{
    if (++c->overhead > H1_CHUNK_EXT_MOST)
        return BAD;
    switch (c->state) {
    case EXT_BLANK:
        if (b == ';')
            return EXT_START;
        return is_blank(b) ? EXT_BLANK : BAD;
    case EXT_START:
    case EXT_EQUALS: return step_ext_open(c, b);
    case EXT_NAME:
        if (h1_is(b, H1_TOKEN))
            return EXT_NAME;
        return b == '=' ? EXT_EQUALS : step_ext_after(b, EXT_NAME_BLANK);
    case EXT_NAME_BLANK:
        if (b == '=')
            return EXT_EQUALS;
        return b == '\r' ? BAD : step_ext_after(b, EXT_NAME_BLANK);
    case EXT_VALUE:
        if (h1_is(b, H1_TOKEN))
            return EXT_VALUE;
        return step_ext_after(b, EXT_BLANK);
    case EXT_QUOTED_END: return step_ext_after(b, EXT_BLANK);
    default: return step_quoted(c, b);
    }
}

/*
 * Fields that say where the message ends, whom it is for, or who sends it. A
 * trailer that has one is an attempt to change the head after the fact; RFC
 * 9110 6.5.1 forbids to send it.
 */
static bool is_forbidden(const struct h1_chunks *c)
{
    static const rota_str names[] = {
        ROTA_STR("authorization"),
        ROTA_STR("connection"),
        ROTA_STR("content-encoding"),
        ROTA_STR("content-length"),
        ROTA_STR("content-range"),
        ROTA_STR("content-type"),
        ROTA_STR("cookie"),
        ROTA_STR("expect"),
        ROTA_STR("host"),
        ROTA_STR("proxy-authorization"),
        ROTA_STR("te"),
        ROTA_STR("trailer"),
        ROTA_STR("transfer-encoding"),
        ROTA_STR("upgrade"),
    };
    rota_str name = { c->name, c->name_len };
    if (name.len > H1_TRAILER_NAME_MOST)
        return false;
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        if (rota_str_eq(name, names[i]))
            return true;
    }
    return false;
}

static int step_trailer_name(struct h1_chunks *c, char b)
{
    if (b == ':' && c->name_len > 0)
        return is_forbidden(c) ? BAD : TRAILER_VALUE;
    if (!h1_is(b, H1_TOKEN))
        return BAD;
    if (c->name_len < H1_TRAILER_NAME_MOST)
        c->name[c->name_len] = h1_lower(b);
    if (c->name_len <= H1_TRAILER_NAME_MOST)
        c->name_len++;
    return TRAILER_NAME;
}

static int step_trailer(struct h1_chunks *c, char b)
{
    if (++c->trailer > H1_TRAILER_MOST)
        return TOO_LARGE;
    switch (c->state) {
    case TRAILER_START:
        if (b == '\r')
            return END_LF;
        if (++c->trailers > H1_TRAILERS_MOST)
            return TOO_LARGE;
        c->name_len = 0;
        return step_trailer_name(c, b);
    case TRAILER_NAME: return step_trailer_name(c, b);
    case TRAILER_VALUE:
        if (b == '\r')
            return TRAILER_LF;
        return h1_is_value(b) ? TRAILER_VALUE : BAD;
    case TRAILER_LF: return b == '\n' ? TRAILER_START : BAD;
    default: return b == '\n' ? ENDED : BAD;
    }
}

/* The state after byte `b`, or the refusal. */
static int step(struct h1_chunks *c, char b)
{
    switch (c->state) {
    case SIZE_FIRST:
    case SIZE: return step_size(c, b);
    case SIZE_LF: return step_size_end(c, b);
    case DATA_CR: return b == '\r' ? DATA_LF : BAD;
    case DATA_LF: return b == '\n' ? SIZE_FIRST : BAD;
    case TRAILER_START:
    case TRAILER_NAME:
    case TRAILER_VALUE:
    case TRAILER_LF:
    case END_LF: return step_trailer(c, b);
    default: return step_ext(c, b);
    }
}

int h1_chunks_next(struct h1_chunks *c, const char *in, size_t len,
                   size_t *used, rota_str *data)
{
    size_t at = 0;
    *used = 0;
    *data = (rota_str){ NULL, 0 };
    while (at < len && c->state < ENDED && c->state != DATA) {
        int next = step(c, in[at++]);
        if (next < 0) {
            c->refusal = (int16_t)next;
            next = REFUSED;
        }
        c->state = (uint8_t)next;
    }
    *used = at;
    if (c->state == REFUSED)
        return c->refusal;
    if (c->state == ENDED)
        return H1_CHUNKS_END;
    if (at == len)
        return H1_CHUNKS_MORE;
    size_t n = c->left < len - at ? (size_t)c->left : len - at;
    *data = (rota_str){ in + at, n };
    *used = at + n;
    c->left -= n;
    if (c->left == 0)
        c->state = DATA_CR;
    return H1_CHUNKS_DATA;
}
