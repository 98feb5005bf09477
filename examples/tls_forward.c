/*
 * tls_forward: takes TLS connections and passes them on without TLS, to a
 * server that knows none.
 *
 *     tls_forward 8443 cert.pem key.pem 127.0.0.1 8080
 *     curl --cacert cert.pem https://localhost:8443/
 *
 * A TLS connection is a stream like any other once its handshake is done; no
 * connection to the target is made before.
 */
#include "pump.h"
#include "rota/tls.h"
#include "service.h"

enum { HANDSHAKE_SECONDS = 10, CONNECT_SECONDS = 10 };

struct forward {
    const char *host;
    int port;
    rota_tls_options files;
    rota_tls_context *tls;
};

/* Clients that speak no TLS, or like nothing we have, are everyday life. */
static int greet(rota_stream *client, const struct forward *f)
{
    rota_start_tls_options o = { .handshake_timeout =
                                     rota_seconds(HANDSHAKE_SECONDS) };
    int rc = rota_stream_start_tls(client, f->tls, &o);
    if (rc < 0 && rc != -ECANCELED)
        rota_log(ROTA_LOG_INFO, "no TLS: %s", rota_errmsg(rc));
    return rc;
}

static int reach(const struct forward *f, rota_stream **target)
{
    int rc = 0;
    ROTA_TIMEOUT (rota_seconds(CONNECT_SECONDS), rc) {
        rc = rota_open_connection(f->host, f->port, target);
    }
    if (rc < 0 && rc != -ECANCELED)
        rota_log(ROTA_LOG_WARNING, "no connection to %s, port %d: %s", f->host,
                 f->port, rota_errmsg(rc));
    return rc;
}

static int serve_client(rota_stream *client, void *arg)
{
    const struct forward *f = arg;
    rota_stream *target = NULL;
    int rc = greet(client, f);
    if (rc == 0)
        rc = reach(f, &target);
    if (rc < 0)
        return rc == -ECANCELED ? rc : 0; /* it has been told of */
    rc = pump_both_ways(client, target);
    rota_stream_close(target);
    return rc == -EPROTO ? 0 : rc; /* the client's doing */
}

static int serve(void *arg)
{
    struct service *service = arg;
    struct forward *f = service->arg;
    int rc = rota_tls_context_new(ROTA_TLS_SERVER, &f->files, &f->tls);
    if (rc < 0) {
        fprintf(stderr, "%s\n", rota_errmsg(rc));
        return rc;
    }
    rc = service_run(service);
    rota_tls_context_unref(f->tls);
    return rc;
}

int main(int argc, char **argv)
{
    struct forward f = { .port = -1 };
    struct service service = { -1, serve_client, &f };
    if (argc == 6) {
        f.host = argv[4];
        f.port = service_port(argv[5]);
        f.files.cert_file = argv[2];
        f.files.key_file = argv[3];
        service.port = service_port(argv[1]);
    }
    if (service.port < 0 || f.port < 1) {
        fprintf(stderr, "usage: %s PORT CERT KEY TARGET-HOST TARGET-PORT\n",
                argv[0]);
        return 2;
    }
    return service_status(argv[0], rota_run(serve, &service, NULL));
}
