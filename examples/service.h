/*
 * What the servers among these examples have in common: they listen, say on
 * which port, and go on until SIGINT or SIGTERM. Then nobody new is let in,
 * the connections are ended, and those that have not gone after a while are
 * cut.
 */
#ifndef EXAMPLES_SERVICE_H
#define EXAMPLES_SERVICE_H

#include <stdio.h>
#include <stdlib.h>

#include "rota.h"

/* A port from the command line; -1: that is none. */
static inline int service_port(const char *text)
{
    char *end;
    long port = strtol(text, &end, 10);
    return *text && !*end && port >= 0 && port <= 65535 ? (int)port : -1;
}

static inline int service_signals(rota_signals **signals)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    return rota_signals_open(&set, signals);
}

static inline int service_end(rota_server *server)
{
    int rc = 0;
    rota_server_close(server);
    rota_server_close_clients(server);
    ROTA_TIMEOUT (rota_seconds(3), rc) {
        rc = rota_server_wait_closed(server);
    }
    if (rc == -ETIMEDOUT) {
        rota_server_abort_clients(server);
        rc = rota_server_wait_closed(server);
    }
    return rc;
}

struct service {
    int port; /* 0: any free one */
    rota_connection_fn *fn;
    void *arg;
};

static inline int service_listen(const struct service *service,
                                 rota_server **server)
{
    rota_address at;
    int fd = rota_listen(NULL, service->port, NULL);
    int rc = fd < 0 ? fd : rota_getsockname(fd, &at);
    if (rc < 0)
        return rc;
    rc = rota_server_start(fd, service->fn, service->arg, server);
    if (rc < 0)
        return rc;
    /* IPv4 has its port in the same place. */
    printf("listening on port %d\n", ntohs(at.v6.sin6_port));
    fflush(stdout);
    return 0;
}

/* Serves connections with fn(stream, arg) until a signal comes: a main task. */
static inline int service_run(void *arg)
{
    rota_signals *signals;
    rota_server *server;
    int rc = service_signals(&signals);
    if (rc < 0)
        return rc;
    rc = service_listen(arg, &server);
    if (rc == 0) {
        rc = rota_signal_next(signals);
        int end_rc = service_end(server);
        rota_server_free(server);
        rc = rc < 0 ? rc : end_rc;
    }
    rota_signals_close(signals);
    return rc;
}

/* Tells why a main task failed, if it did; the program's exit status. */
static inline int service_status(const char *program, int rc)
{
    if (rc < 0)
        fprintf(stderr, "%s: %s\n", program, rota_errmsg(rc));
    return rc < 0;
}

static inline int service_main(const char *program, int port,
                               rota_connection_fn *fn, void *arg)
{
    struct service service = { port, fn, arg };
    return service_status(program, rota_run(service_run, &service, NULL));
}

#endif
