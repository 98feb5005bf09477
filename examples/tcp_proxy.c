/*
 * tcp_proxy: passes connections on to another address.
 *
 *     tcp_proxy 8080 example.org 80
 *
 * Two tasks serve a connection, one for each direction, and each has one
 * buffer: it reads no more before the other side has taken all of that. So a
 * side that reads slowly slows down who writes to it, by TCP's own means, and
 * never grows memory. The end of one direction is passed on, and the other
 * goes on until its own.
 */
#include "service.h"

enum { BUFFER = 65536, CONNECT_SECONDS = 10 };

struct target {
    const char *host;
    int port;
};

/* Passes on all of one direction, and its end. */
ROTA_ASYNC(pump, (rota_stream *, from), (rota_stream *, to))
{
    char data[BUFFER];
    ssize_t n;
    int rc = 0;
    while (rc == 0 && (n = rota_stream_read(from, data, sizeof data)) != 0)
        rc = n < 0 ? (int)n : rota_stream_write(to, data, (size_t)n, NULL);
    return rc < 0 ? rc : rota_stream_write_eof(to);
}

/* When one direction fails, the group ends the other. */
static int pass_on(rota_stream *client, rota_stream *target)
{
    rota_group g;
    int rc = rota_group_begin(&g, 0);
    if (rc < 0)
        return rc;
    rc = rota_group_create_task(&g, pump, client, target);
    if (rc == 0)
        rc = pump(target, client);
    return rota_group_end(&g, rc);
}

static int serve_client(rota_stream *client, void *arg)
{
    const struct target *t = arg;
    rota_stream *target = NULL;
    int rc = 0;
    ROTA_TIMEOUT (rota_seconds(CONNECT_SECONDS), rc) {
        rc = rota_open_connection(t->host, t->port, &target);
    }
    if (rc == -ECANCELED)
        return rc;
    if (rc < 0) {
        rota_log(ROTA_LOG_WARNING, "no connection to %s, port %d: %s", t->host,
                 t->port, rota_strerror(rc));
        return 0;
    }
    rc = pass_on(client, target);
    rota_stream_close(target);
    /* Either side may leave when it likes. */
    return rc == -ECONNRESET || rc == -EPIPE ? 0 : rc;
}

int main(int argc, char **argv)
{
    int port = argc == 4 ? service_port(argv[1]) : -1;
    struct target target = { NULL, -1 };
    if (argc == 4)
        target = (struct target){ argv[2], service_port(argv[3]) };
    if (port < 0 || target.port < 1) {
        fprintf(stderr, "usage: %s PORT TARGET-HOST TARGET-PORT\n", argv[0]);
        return 2;
    }
    return service_main(argv[0], port, serve_client, &target);
}
