/*
 * Serving: from the bytes of a connection to the handler and back.
 */
#ifndef HTTP_SERVE_H
#define HTTP_SERVE_H

#include "http/conn.h"

/* Has a coroutine answer the requests that have come on `c`, at once, until it
 * first suspends or there is no whole one any more: 0, or -ENOMEM. */
int serve_begin(struct http_conn *c);

/* Ends the coroutines that wait for a connection. */
void serve_end_idle(struct http_server *s);

/* Answers what cannot be a request with an error, and closes. To a HEAD only
 * the head of an answer goes out. */
void refuse(struct http_conn *c, int status, bool head);

#endif
