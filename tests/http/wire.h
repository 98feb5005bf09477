/*
 * Variants of requests, as bytes on a connection: those that must be refused,
 * with another request right behind them that must never be served, and those
 * that must be answered and leave the connection good.
 */
#ifndef HTTP_WIRE_H
#define HTTP_WIRE_H

#include "served.h"
#include "test.h"

struct variant {
    int status;
    const char *bytes;
    size_t len;
};

#define BYTES(status, literal)                        \
    {                                                 \
        status, "" literal "", sizeof("" literal) - 1 \
    }
#define AFTER           "GET /after HTTP/1.1\r\nHost: a\r\n\r\n"
#define LINE(line)      line "\r\nHost: a\r\n\r\n"
#define FIELD(line)     "GET / HTTP/1.1\r\nHost: a\r\n" line "\r\n\r\n"
#define POST(lines)     "POST /echo HTTP/1.1\r\nHost: a\r\n" lines "\r\n\r\n"
#define POST_1_0(lines) "POST /echo HTTP/1.0\r\nHost: a\r\n" lines "\r\n\r\n"
#define CHUNKS(body)    POST("Transfer-Encoding: chunked") body

/* Each variant is sent with AFTER behind it, in one piece and byte by byte:
 * one answer of this status, which says close, and the end. */
void wire_refuse(struct process *p, const struct variant *v, size_t count);

/* Each variant is sent in one piece and byte by byte: one answer of this
 * status, and the next request on the connection is answered too. */
void wire_accept(struct process *p, const struct variant *v, size_t count);

#define REFUSE(p, list) wire_refuse(p, list, COUNT_OF(list))
#define ACCEPT(p, list) wire_accept(p, list, COUNT_OF(list))

#endif
