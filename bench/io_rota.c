/*
 * bench/io in rota's words.
 */
#include "io.h"
#include "rota.h"
#ifdef IO_TLS_HERE
#include "rota/tls.h"
#endif

static int echo(rota_stream *s, void *arg)
{
    (void)arg;
    rota_ignore(rota_stream_copy(s, s, NULL));
    return 0;
}

static int tcp(void *arg)
{
    const struct io_args *args = arg;
    rota_server *server;
    int listener = rota_listen("127.0.0.1", (int)args->port, NULL);
    int rc = rota_server_start(listener, echo, NULL, &server);
    return rc < 0 ? rc : rota_server_wait_closed(server);
}

#ifdef IO_TLS_HERE
static int tls_echo(rota_stream *s, void *context)
{
    int rc = rota_stream_start_tls(s, context, NULL);
    return rc < 0 ? 0 : echo(s, NULL);
}

static int tls(void *arg)
{
    const struct io_args *args = arg;
    rota_tls_options o = { .cert_file = args->cert, .key_file = args->key };
    rota_tls_context *context;
    rota_server *server;
    int rc = rota_tls_context_new(ROTA_TLS_SERVER, &o, &context);
    if (rc < 0)
        return rc;
    int listener = rota_listen("127.0.0.1", (int)args->port, NULL);
    rc = rota_server_start(listener, tls_echo, context, &server);
    return rc < 0 ? rc : rota_server_wait_closed(server);
}
#endif

static int udp(void *arg)
{
    const struct io_args *args = arg;
    char data[2048];
    int fd = rota_udp_bind("127.0.0.1", (int)args->port, NULL);
    ssize_t n = fd;
    while (n >= 0) {
        rota_address from;
        n = rota_recvfrom(fd, data, sizeof data, &from);
        if (n >= 0)
            n = rota_sendto(fd, data, (size_t)n, &from);
    }
    return (int)n;
}

struct reader {
    const struct io_args *args;
    long *next;
};

static int read_some(void *arg)
{
    const struct reader *r = arg;
    char path[4096], data[IO_SMALL];
    while (*r->next < r->args->count) {
        io_small_path(r->args, (*r->next)++, path, sizeof path);
        int fd = rota_file_open(path, O_RDONLY, 0);
        if (fd < 0)
            return fd;
        if (rota_file_pread(fd, data, sizeof data, 0) != IO_SMALL)
            return -EIO;
        int rc = rota_file_close(fd);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int small(void *arg)
{
    long next = 0;
    struct reader reader = { arg, &next };
    rota_group g;
    double from = io_cpu();
    int rc = rota_group_begin(&g, 0);
    for (int i = 0; rc == 0 && i < IO_AT_ONCE; i++)
        rc = rota_group_spawn(&g, read_some, &reader, NULL, NULL);
    rc = rota_group_end(&g, rc);
    io_told(from, (double)next);
    return rc;
}

static int large(void *arg)
{
    const struct io_args *args = arg;
    char data[IO_BUFFER];
    int fd = rota_file_open(args->path, O_RDONLY, 0);
    if (fd < 0)
        return fd;
    double from = io_cpu(), total = 0;
    ssize_t n;
    while ((n = rota_file_read(fd, data, sizeof data)) > 0)
        total += (double)n;
    io_told(from, total / IO_MIB);
    int rc = rota_file_close(fd);
    return n < 0 ? (int)n : rc;
}

int main(int argc, char **argv)
{
    struct io_args args = io_arguments(argc, argv);
    rota_fn *modes[] = { [IO_TCP] = tcp,
                         [IO_UDP] = udp,
                         [IO_SMALL_FILES] = small,
#ifdef IO_TLS_HERE
                         [IO_TLS] = tls,
#endif
                         [IO_LARGE_FILE] = large };
    if (!modes[args.mode])
        io_usage(argv[0]);
    int rc = rota_run(modes[args.mode], &args, NULL);
    if (rc < 0)
        fprintf(stderr, "%s: %s\n", argv[0], rota_strerror(rc));
    return rc < 0;
}
