/*
 * Writing a response: the head, and the framing of the body behind it
 * (RFC 9112 6). What a handler must not do, sending a header line that splits
 * the response or more bytes than announced, cannot be done through it.
 */
#ifndef HTTP_RESPONSE_H
#define HTTP_RESPONSE_H

#include "http/request.h"

enum { RESPONSE_PROBLEM = 160 };

/* A body for an error without details, as RFC 9457 has it. */
rota_str response_problem(char text[RESPONSE_PROBLEM], int status);

/* Answers a request whose head could not be read: `r` has but a connection. */
void response_refuse(struct http_request *r, int status, rota_str body);

/* The handler has returned: answers 500 if it did not, ends the body. */
void response_end(struct http_request *r);

#endif
