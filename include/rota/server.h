/*
 * A server of streams: takes the connections of a listening socket, and gives
 * each to a task of its own.
 *
 *     static int echo(rota_stream *s, void *arg)
 *     {
 *         rota_str line;
 *         ssize_t n = 0;
 *         while (n >= 0 && (n = rota_stream_readline(s, &line)) > 0)
 *             n = rota_stream_write(s, line.ptr, line.len, NULL);
 *         return (int)n;
 *     }
 *
 *     rota_server *server;
 *     int rc = rota_server_start(rota_listen(NULL, 7000, NULL), echo, NULL,
 *                                &server);
 */
#ifndef ROTA_SERVER_H
#define ROTA_SERVER_H

#include "rota/export.h"
#include "rota/stream.h"

typedef struct rota_server rota_server;

/* Serves a connection. The stream is the server's, which closes it when the
 * handler returns; an error it returns is told to the handler of unhandled
 * errors (rota_set_unhandled_handler). */
typedef int rota_connection_fn(rota_stream *stream, void *arg);

/*
 * Begins to accept on `listener`, which is the server's from then on, and to
 * call fn(stream, arg) in a task for each connection. On success *server is an
 * owned handle. When no descriptor or memory is left it pauses for a second,
 * and says so. 0; `listener` itself when that is negative, so that
 * rota_listen may stand in the call; -ENOMEM: the listener was closed.
 * Suspends: only to close it.
 */
ROTA_API int rota_server_start(int listener, rota_connection_fn *fn, void *arg,
                               rota_server **server) ROTA_MUST;

/*
 * Accepts no more, and closes the listening socket; the file of a Unix socket
 * is removed unless somebody has put another in its place. The connections
 * are served on. Again, it does nothing. Suspends: yes, shortly. Cancel: it is
 * closed all the same.
 */
ROTA_API void rota_server_close(rota_server *server);

/* Ends the connections: every handler finds its stream at the end, and writes
 * fail. Suspends: no. */
ROTA_API void rota_server_close_clients(rota_server *server);

/* Ends them at once: the handlers are cancelled, and their connections reset.
 * Suspends: no. */
ROTA_API void rota_server_abort_clients(rota_server *server);

/*
 * Waits until the server is closed and its last handler has ended. 0, or
 * -ECANCELED. Suspends: yes. Cancel: nothing is lost.
 */
ROTA_API int rota_server_wait_closed(rota_server *server) ROTA_MUST;

/* Connections that are being served. */
ROTA_API size_t rota_server_clients(const rota_server *server);

/* Closes it and drops the handle (NULL is nothing); its connections are served
 * on. Suspends: yes, shortly. Cancel: it is dropped all the same. */
ROTA_API void rota_server_free(rota_server *server);

#endif
