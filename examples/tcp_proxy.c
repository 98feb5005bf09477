/*
 * tcp_proxy: passes connections on to another address.
 *
 *     tcp_proxy 8080 example.org 80
 *
 * A slow reader slows down who writes to it and never grows memory; the end of
 * one direction is passed on while the other goes on. See pump.h for how.
 */
#include "pump.h"
#include "service.h"

enum { CONNECT_SECONDS = 10 };

struct target {
    const char *host;
    int port;
};

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
                 t->port, rota_errmsg(rc));
        return 0;
    }
    rc = pump_both_ways(client, target);
    rota_stream_close(target);
    return rc;
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
