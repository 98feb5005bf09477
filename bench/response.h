/*
 * One HTTP/1.1 response, checked as its bytes arrive: the status line, the
 * framing (Content-Length, chunked, or the end of the connection) and the
 * length of the body. Bytes come in pieces of any size; a piece of the head or
 * of a chunk's size line that is not whole is left with the caller, who brings
 * it again with more behind it.
 */
#ifndef BENCH_RESPONSE_H
#define BENCH_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum response_part {
    RESPONSE_HEAD,
    RESPONSE_BODY,       /* `left` bytes, then done */
    RESPONSE_CHUNK_LINE, /* the size of the next chunk */
    RESPONSE_CHUNK,      /* `left` bytes of data */
    RESPONSE_CHUNK_END,  /* the CRLF behind the data */
    RESPONSE_TRAILER,    /* lines up to an empty one */
    RESPONSE_REST,       /* all that comes before the connection ends */
    RESPONSE_DONE
};

struct response {
    enum response_part part;
    int status;
    bool closes;      /* the server will close the connection after it */
    uint64_t left;    /* bytes of this part still to come */
    uint64_t body;    /* bytes of body so far */
    bool length_seen; /* the head gave a Content-Length */
    bool chunked;
};

/* The longest head, chunk line or trailer line that is put up with. */
enum { RESPONSE_LINE_MAX = 16 * 1024 };

/* Starts on the next response of a connection. */
void response_init(struct response *r);

/*
 * Takes as much of data[0..len) as belongs to this response. Returns the bytes
 * taken; bytes that are left over while r->part is not RESPONSE_DONE must be
 * brought again with more behind them. Returns -EBADMSG for broken framing.
 */
ssize_t response_feed(struct response *r, const char *data, size_t len);

/* The connection ended. True if that is how this response was to end. */
bool response_end(struct response *r);

#endif
