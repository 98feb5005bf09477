/*
 * echo_server: sends back what it is sent.
 *
 *     echo_server 7000 &
 *     echo hello | nc -N 127.0.0.1 7000
 *
 * Each connection is a task of its own, written as if it were alone. SIGINT
 * and SIGTERM end the connections and then the program.
 */
#include "service.h"

static int echo(rota_stream *s, void *arg)
{
    (void)arg;
    /* While the peer does not read, nothing more is read from it. */
    int rc = rota_stream_copy(s, s, NULL);
    /* Peers that leave without a word are everyday life, not our error. */
    return rc == -ECONNRESET || rc == -EPIPE ? 0 : rc;
}

int main(int argc, char **argv)
{
    int port = argc == 2 ? service_port(argv[1]) : -1;
    if (port < 0) {
        fprintf(stderr, "usage: %s PORT    (0: any free one)\n", argv[0]);
        return 2;
    }
    return service_main(argv[0], port, echo, NULL);
}
