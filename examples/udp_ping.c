/*
 * udp_ping: how long a datagram takes there and back, and how many get lost.
 *
 *     udp_ping 7007 &               sends back what comes
 *     udp_ping 127.0.0.1 7007 5     five times
 *
 * One datagram is on its way at a time; what has not come back after three
 * seconds is lost. SIGINT and SIGTERM end it, with what was counted until then.
 */
#include "service.h"

static const rota_dur patience = 3 * 1000000000LL;

struct ping {
    const char *host; /* NULL: send back */
    int port;
    long count;
    rota_dur interval;
    long sent, came;
};

static void stop(void *task)
{
    rota_task_cancel(task, "SIGTERM"); /* as SIGINT does by itself */
}

static int send_back(const struct ping *p)
{
    char data[65536];
    rota_address at;
    int fd = rota_udp_bind(p->host, p->port, NULL);
    if (fd < 0)
        return fd;
    int rc = rota_getsockname(fd, &at);
    printf("listening on port %d\n", ntohs(at.v6.sin6_port));
    while (rc >= 0) {
        rota_address from;
        rc = (int)rota_recvfrom(fd, data, sizeof data, &from);
        /* Whom it does not reach, it does not reach. */
        if (rc >= 0 && rota_sendto(fd, data, (size_t)rc, &from) == -ECANCELED)
            rc = -ECANCELED;
    }
    rota_ignore(rota_close(fd));
    return rc == -ECANCELED ? 0 : rc;
}

/* Sends number `n` and waits until that one comes back. */
static int round_trip(int fd, long n)
{
    long got = -1;
    ssize_t rc = rota_sendto(fd, &n, sizeof n, NULL);
    while (rc >= 0 && got != n) {
        rc = rota_recvfrom(fd, &got, sizeof got, NULL);
        if (rc == -EMSGSIZE)
            rc = 0; /* not one of ours */
    }
    return rc < 0 ? (int)rc : 0;
}

static int ping_once(struct ping *p, int fd)
{
    rota_time started = rota_now();
    int rc = 0;
    p->sent++;
    ROTA_TIMEOUT (patience, rc) {
        rc = round_trip(fd, p->sent);
    }
    if (rc < 0) {
        printf("%ld: lost (%s)\n", p->sent, rota_errmsg(rc));
        return rc;
    }
    rota_dur trip = rota_now() - started;
    printf("%ld: %.3f ms\n", p->sent, (double)trip / 1e6);
    p->came++;
    return 0;
}

static int ping(void *arg)
{
    struct ping *p = arg;
    int rc = rota_add_signal_handler(SIGTERM, stop, rota_current_task());
    if (rc < 0 || !p->host)
        return rc < 0 ? rc : send_back(p);
    int fd = rota_udp_connect(p->host, p->port, NULL);
    if (fd < 0)
        return fd;
    while (rc != -ECANCELED && p->sent < p->count) {
        if (p->sent > 0)
            rc = rota_sleep(p->interval);
        if (rc != -ECANCELED)
            rc = ping_once(p, fd);
    }
    rota_ignore(rota_close(fd));
    printf("%ld sent, %ld lost\n", p->sent, p->sent - p->came);
    return 0;
}

int main(int argc, char **argv)
{
    struct ping p = { .port = -1, .count = 4, .interval = rota_seconds(1) };
    if (argc == 2)
        p.port = service_port(argv[1]);
    if (argc > 2) {
        p.host = argv[1];
        p.port = service_port(argv[2]);
    }
    if (argc > 3)
        p.count = strtol(argv[3], NULL, 10);
    if (argc > 4)
        p.interval = rota_seconds(strtod(argv[4], NULL));
    if (p.port < 0 || p.count < 1 || argc > 5) {
        fprintf(stderr, "usage: %s [HOST] PORT [COUNT [SECONDS]]\n", argv[0]);
        return 2;
    }
    setlinebuf(stdout);
    int rc = rota_run(ping, &p, NULL);
    return service_status(argv[0], rc) || p.came < p.sent;
}
