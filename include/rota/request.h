/*
 * What a handler has in hand: the request it answers, and the answers that are
 * not simply a model. Everything allocated here, and everything the request's
 * parts point into, lives until the answer is out.
 *
 * All of it works the same in a handler that runs on a pool thread.
 */
#ifndef ROTA_REQUEST_H
#define ROTA_REQUEST_H

#include "rota/arena.h"
#include "rota/export.h"
#include "rota/model.h"
#include "rota/str.h"

typedef struct rota_request rota_request;

/* Memory for as long as the request lasts. */
ROTA_API rota_arena *rota_request_arena(rota_request *r);

/* The `state` of the application (rota_app). */
ROTA_API void *rota_request_state(rota_request *r);

ROTA_API rota_str rota_request_method(const rota_request *r);
/* As sent, not decoded. */
ROTA_API rota_str rota_request_path(const rota_request *r);
ROTA_API rota_str rota_request_query(const rota_request *r);
/* The first header named `name`, any case; ptr NULL: there is none. */
ROTA_API rota_str rota_request_header(const rota_request *r, const char *name);
/* The client's address, "127.0.0.1:40000". */
ROTA_API rota_str rota_request_peer(rota_request *r);

/*
 * Makes the answer an error: `status`, with the sentence as the detail of a
 * problem document (RFC 9457). Returns NULL, which fits every handler:
 *
 *     return rota_http_error(r, 404, "no item %lld", (long long)id);
 */
ROTA_API void *rota_http_error(rota_request *r, int status,
                               const char *format, ...) ROTA_PRINTF(3, 4);

/* Replaces the status of a good answer (the route's, else 200). */
ROTA_API void rota_set_status(rota_request *r, int status);

/* Adds a header line to the answer, which must not have begun; Content-Type,
 * which stands once, replaces the one it would have, but not that of an error.
 * A line that cannot be sent (line breaks, or one of those that frame the
 * message) makes the answer a 500. */
ROTA_API void rota_set_header(rota_request *r, const char *name,
                              const char *value);

/*
 * An answer that is not JSON; a route whose handler gives one names Response
 * as its result.
 */
typedef struct rota_response rota_response;
typedef rota_response rota_c_Response;
typedef None rota_c_None;
extern ROTA_API const rota_type rota_type_Response;

/* `size` bytes of the media type `type`; they must live as long as the
 * request. NULL when there is no memory. */
ROTA_API rota_response *rota_bytes(rota_request *r, const char *type,
                                   const void *bytes, size_t size);

/* Text and HTML in UTF-8, copied. */
ROTA_API rota_response *rota_text(rota_request *r, const char *text);
ROTA_API rota_response *rota_html(rota_request *r, const char *html);

/* A redirect to `location`; `status` is 301, 302, 303, 307 or 308. */
ROTA_API rota_response *rota_redirect(rota_request *r, int status,
                                      const char *location);

/*
 * The file `name` below `folder`, read in the background, piece by piece if it
 * is large. There is no way out of the folder, by name or by link. What is
 * not a file there is a 404. The media type follows the name's ending.
 * Suspends: yes. Cancel: the answer.
 */
ROTA_API rota_response *rota_file_below(rota_request *r, const char *folder,
                                        rota_str name);

/*
 * An answer in pieces. The head goes out with the first one; `length` bytes
 * are announced, or -1: chunked. rota_write_out waits while the client does not
 * keep up: 0, or -EPIPE (it has gone, or asked by HEAD), -ECONNRESET (it has
 * gone), -ETIMEDOUT, -ECANCELED, -EOVERFLOW (more than announced). An answer
 * that fails half-way, by an error or a deadline, is cut off by a reset: no
 * client may take half of it for the whole. Suspends: rota_write_out.
 *
 *     rota_response *out = rota_stream_out(r, "text/csv", -1);
 *     while (... && rota_write_out(out, line, n) == 0)
 *         ;
 *     return out;
 */
ROTA_API rota_response *rota_stream_out(rota_request *r, const char *type,
                                        int64_t length);
ROTA_API int rota_write_out(rota_response *out, const void *bytes,
                            size_t size) ROTA_MUST;

#endif
