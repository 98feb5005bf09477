/*
 * Inside a request: what stands between the bytes of HTTP and the types of a
 * handler.
 */
#ifndef WEB_REQUEST_H
#define WEB_REQUEST_H

#include <stdbool.h>

#include "http/request.h"
#include "rota/json.h"
#include "rota/request.h"

struct app;

struct rota_request {
    struct http_request *http;
    struct app *app;
    int status;         /* of a good answer: the route's, until the handler
                         * sets another */
    int error;          /* status of rota_http_error; 0: none */
    const char *detail; /* its sentence */
};

struct rota_response {
    rota_request *request;
    int status; /* 0: the request's */
    rota_str type;
    rota_str body;
    bool stream; /* the answer has begun with the first write */
    int64_t length;
};

/* Answers with a problem document (RFC 9457); `errors` may be NULL. */
void problem_respond(rota_request *r, int status, const char *detail,
                     const rota_errors *errors);

#endif
