/*
 * Serving: from the bytes of a connection to the handler and back.
 */
#ifndef HTTP_SERVE_H
#define HTTP_SERVE_H

#include "http/conn.h"

/* The coroutine of a connection (`arg`): answers the requests that have come,
 * ends when there is no whole one any more. */
int serve(void *arg);

/* Answers what cannot be a request with an error, and closes. */
void refuse(struct http_conn *c, int status);

#endif
