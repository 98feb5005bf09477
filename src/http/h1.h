/*
 * HTTP/1.1 message syntax (RFC 9112), strict: a request head is parsed in
 * place into offsets, nothing is copied and nothing allocated. When a byte is
 * in doubt the answer is an error, never a guess: two parsers that guess
 * differently are how requests are smuggled.
 *
 * The functions here know no sockets and no loop.
 */
#ifndef HTTP_H1_H
#define HTTP_H1_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rota/export.h"
#include "rota/str.h"

/* Limits on a request's head (defaults: H1_LIMITS_DEFAULT). */
struct h1_limits {
    uint16_t target;  /* bytes of the request target; beyond: 414 */
    uint16_t line;    /* bytes of one header line; beyond: 431 */
    uint16_t head;    /* bytes of the whole head; beyond: 431 */
    uint16_t headers; /* how many header lines; beyond: 431 */
};

#define H1_LIMITS_DEFAULT \
    ((struct h1_limits){  \
        .target = 8192, .line = 16384, .head = 32768, .headers = 100 })

enum { H1_HEADERS_MOST = 100 }; /* room in struct h1_head */

enum h1_method {
    H1_GET,
    H1_HEAD,
    H1_POST,
    H1_PUT,
    H1_PATCH,
    H1_DELETE,
    H1_OPTIONS,
    H1_CONNECT,
    H1_TRACE,
};

enum h1_body {
    H1_BODY_NONE,    /* neither Content-Length nor Transfer-Encoding, or 0 */
    H1_BODY_LENGTH,  /* content_length bytes follow */
    H1_BODY_CHUNKED, /* chunks follow (struct h1_chunks) */
};

/* A piece of the head: offset from its first byte, and length. */
struct h1_span {
    uint16_t at;
    uint16_t len;
};

struct h1_header {
    struct h1_span name;
    struct h1_span value; /* surrounding white space cut off */
};

/* A parsed request head. Offsets stay right when the bytes are moved. */
struct h1_head {
    enum h1_method method;
    enum h1_body body;
    uint64_t content_length; /* of H1_BODY_LENGTH */
    struct h1_span target;   /* as sent */
    struct h1_span host;     /* authority of an absolute target, else Host */
    struct h1_span path;     /* of the target, raw, never empty: "/" where an
                              * absolute one has none; "*" for OPTIONS * */
    struct h1_span query;    /* raw, without '?'; len 0 if none */
    uint8_t minor;           /* HTTP/1.minor: 0 or 1 */
    bool keep_alive;         /* what version and Connection say */
    bool expect_continue;    /* Expect: 100-continue, on HTTP/1.1 */
    bool upgrade;            /* Connection: upgrade with an Upgrade header, on
                              * HTTP/1.1; there may be a body all the same */
    uint16_t count;          /* of headers */
    struct h1_header headers[H1_HEADERS_MOST];
};

/*
 * Parses a request head from `len` bytes at `in`.
 * `*scanned` is how far an earlier call on the same (shorter) bytes has looked
 * (0 at first), so that a head that comes byte by byte costs linear time.
 * Returns the head's length in bytes, leading CRLF (two at most) and the blank
 * line included; 0: not all there yet; or a negative HTTP status that refuses
 * the request: -400, -414, -417, -431, -501 (a method or transfer coding that
 * is not known; CONNECT, TRACE), -505. After a refusal the connection must be
 * closed. `head` holds when the result is > 0, `count` of its header lines.
 *
 * The verdict depends on the bytes only, not on the pieces they came in. But
 * what is wrong in half a head is found at the latest when the head is
 * complete, its limit is full, or the bytes have doubled.
 */
int h1_parse_head(const char *in, size_t len, size_t *scanned,
                  const struct h1_limits *limits, struct h1_head *head);

/* The method's name, "GET". */
rota_str h1_method_name(enum h1_method method);

/* The value of the first header named `name` (any case), given the head's
 * bytes; ptr NULL when there is none. */
rota_str h1_header(const struct h1_head *head, const char *in, rota_str name);

enum {
    H1_CHUNK_EXT_MOST = 4096,  /* bytes of chunk extensions in one body */
    H1_TRAILER_MOST = 32768,   /* bytes of its trailer section */
    H1_TRAILERS_MOST = 100,    /* lines of it */
    H1_TRAILER_NAME_MOST = 24, /* of a name that is looked up */
};

/*
 * Decoder of a chunked body (RFC 9112 7.1), fed piece by piece. It holds no
 * pointer, and may be copied.
 */
struct h1_chunks {
    uint64_t left;     /* data bytes to come in this chunk */
    uint64_t data;     /* data bytes of all chunks announced so far */
    uint32_t overhead; /* bytes of chunk extensions seen */
    uint32_t trailer;  /* bytes of trailers seen */
    uint16_t trailers; /* lines of trailers seen */
    int16_t refusal;   /* what it ended with, given again if asked again */
    uint8_t state;
    uint8_t digits;   /* of the chunk size being read */
    uint8_t name_len; /* of the trailer line being read; may exceed name */
    char name[H1_TRAILER_NAME_MOST]; /* in lower case */
};

enum h1_chunks_event {
    H1_CHUNKS_MORE, /* all input used, more is needed */
    H1_CHUNKS_DATA, /* *data is a piece of the body */
    H1_CHUNKS_END,  /* the body is complete; the rest is the next request */
};

void h1_chunks_init(struct h1_chunks *c);

/*
 * Decodes from `len` bytes at `in` until there is something to say; `*used`
 * bytes were consumed. Returns an enum h1_chunks_event, with `*data` a piece
 * of `in` on H1_CHUNKS_DATA; or -400 (syntax, H1_CHUNK_EXT_MOST, a trailer
 * that would change what the head said) or -431 (H1_TRAILER_MOST,
 * H1_TRAILERS_MOST). Trailers are checked and dropped. After END and after a
 * refusal nothing more is consumed and the answer stays.
 */
int h1_chunks_next(struct h1_chunks *c, const char *in, size_t len,
                   size_t *used, rota_str *data);

#endif
