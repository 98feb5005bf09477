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

/* Waits, while the server goes on. */
void wire_nap(long ms);

/* A test with a server of default options, `p`, and a client on it, `c`. */
#define TEST_SERVED(name)                                        \
    static void TEST_JOIN(served_, __LINE__)(struct process * p, \
                                             struct client * c); \
    TEST(name)                                                   \
    {                                                            \
        struct process process;                                  \
        struct client client;                                    \
        served_start(&process, NULL);                            \
        client_open(&client, process.port);                      \
        TEST_JOIN(served_, __LINE__)(&process, &client);         \
        client_close(&client);                                   \
        process_stop(&process);                                  \
    }                                                            \
    static void TEST_JOIN(served_, __LINE__)(                    \
        struct process * p __attribute__((unused)),              \
        struct client * c __attribute__((unused)))

#define REFUSE(p, list) wire_refuse(p, list, COUNT_OF(list))
#define ACCEPT(p, list) wire_accept(p, list, COUNT_OF(list))

#endif
