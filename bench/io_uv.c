/*
 * bench/io in libuv's words. An answer is tried at once (uv_try_write), and
 * only what does not fit is copied and queued: the least libuv does. Files go
 * through its thread pool, as always there.
 */
#include <stdlib.h>
#include <uv.h>

#include "io.h"
#ifdef IO_TLS_HERE
#include "io_tls.h"
#endif

static char input[IO_BUFFER]; /* one message at a time is in it */

static void die(const char *what, int rc)
{
    fprintf(stderr, "io_uv: %s: %s\n", what, uv_strerror(rc));
    exit(1);
}

static void must(const char *what, int rc)
{
    if (rc < 0)
        die(what, rc);
}

static void give_input(uv_handle_t *h, size_t size, uv_buf_t *out)
{
    (void)h, (void)size;
    *out = uv_buf_init(input, sizeof input);
}

static void freed(uv_handle_t *h)
{
    free(h);
}

static void written(uv_write_t *w, int rc)
{
    if (rc < 0 && !uv_is_closing((uv_handle_t *)w->handle))
        uv_close((uv_handle_t *)w->handle, freed);
    free(w->data);
    free(w);
}

static void write_later(uv_stream_t *s, const char *data, size_t size)
{
    uv_write_t *w = malloc(sizeof *w);
    char *copy = malloc(size);
    if (!w || !copy)
        die("write", UV_ENOMEM);
    memcpy(copy, data, size);
    w->data = copy;
    uv_buf_t buf = uv_buf_init(copy, (unsigned)size);
    must("write", uv_write(w, s, &buf, 1, written));
}

static void received(uv_stream_t *s, ssize_t n, const uv_buf_t *unused)
{
    (void)unused;
    if (n < 0) {
        uv_close((uv_handle_t *)s, freed);
        return;
    }
    uv_buf_t buf = uv_buf_init(input, (unsigned)n);
    int sent = n > 0 ? uv_try_write(s, &buf, 1) : 0;
    if (sent < 0)
        sent = 0; /* an error comes again */
    if (sent < n)
        write_later(s, input + sent, (size_t)(n - sent));
}

static void connected(uv_stream_t *listener, int rc)
{
    must("listen", rc);
    uv_tcp_t *c = malloc(sizeof *c);
    if (!c)
        die("accept", UV_ENOMEM);
    must("tcp", uv_tcp_init(listener->loop, c));
    must("accept", uv_accept(listener, (uv_stream_t *)c));
    uv_tcp_nodelay(c, 1);
    must("read", uv_read_start((uv_stream_t *)c, give_input, received));
}

#ifdef IO_TLS_HERE
/* libuv knows no TLS: bytes are passed to OpenSSL and back. */
struct tls_conn {
    uv_tcp_t tcp;
    SSL *ssl;
    BIO *in, *out; /* the SSL's */
};

static SSL_CTX *context;

static void tls_freed(uv_handle_t *h)
{
    struct tls_conn *c = (struct tls_conn *)h;
    SSL_free(c->ssl);
    free(c);
}

/* Sends what OpenSSL has to say. */
static void tls_flush(struct tls_conn *c)
{
    char *data;
    long size = BIO_get_mem_data(c->out, &data);
    if (size <= 0)
        return;
    uv_buf_t buf = uv_buf_init(data, (unsigned)size);
    int sent = uv_try_write((uv_stream_t *)c, &buf, 1);
    if (sent < 0)
        sent = 0;
    if (sent < size)
        write_later((uv_stream_t *)c, data + sent, (size_t)(size - sent));
    (void)BIO_reset(c->out);
}

static int tls_serve(struct tls_conn *c)
{
    static char plain[IO_BUFFER];
    int n = SSL_is_init_finished(c->ssl) ? 1 : SSL_do_handshake(c->ssl);
    while (n > 0) {
        n = SSL_read(c->ssl, plain, sizeof plain);
        if (n > 0)
            SSL_write(c->ssl, plain, n);
    }
    int rc = SSL_get_error(c->ssl, n) == SSL_ERROR_WANT_READ ? 0 : -1;
    if (rc < 0) {
        ERR_clear_error();
        SSL_shutdown(c->ssl);
    }
    tls_flush(c);
    return rc;
}

static void tls_received(uv_stream_t *s, ssize_t n, const uv_buf_t *unused)
{
    (void)unused;
    struct tls_conn *c = (struct tls_conn *)s;
    if (n > 0)
        BIO_write(c->in, input, (int)n);
    if (n < 0 || tls_serve(c) < 0)
        uv_close((uv_handle_t *)s, tls_freed);
}

static void tls_connected(uv_stream_t *listener, int rc)
{
    must("listen", rc);
    struct tls_conn *c = malloc(sizeof *c);
    if (!c)
        die("accept", UV_ENOMEM);
    c->ssl = SSL_new(context);
    c->in = BIO_new(BIO_s_mem());
    c->out = BIO_new(BIO_s_mem());
    if (!c->ssl || !c->in || !c->out)
        io_tls_die("accept");
    SSL_set_bio(c->ssl, c->in, c->out);
    SSL_set_accept_state(c->ssl);
    must("tcp", uv_tcp_init(listener->loop, &c->tcp));
    must("accept", uv_accept(listener, (uv_stream_t *)c));
    uv_tcp_nodelay(&c->tcp, 1);
    must("read", uv_read_start((uv_stream_t *)c, give_input, tls_received));
}
#endif

static void listen_on(uv_loop_t *loop, const struct io_args *args,
                      uv_connection_cb fn)
{
    static uv_tcp_t listener;
    struct sockaddr_in at;
    uv_ip4_addr("127.0.0.1", (int)args->port, &at);
    must("tcp", uv_tcp_init(loop, &listener));
    must("bind", uv_tcp_bind(&listener, (struct sockaddr *)&at, 0));
    must("listen", uv_listen((uv_stream_t *)&listener, 4096, fn));
    uv_run(loop, UV_RUN_DEFAULT);
}

static void datagram(uv_udp_t *u, ssize_t n, const uv_buf_t *buf,
                     const struct sockaddr *from, unsigned flags)
{
    (void)flags;
    if (n < 0 || !from)
        return;
    uv_buf_t answer = uv_buf_init(buf->base, (unsigned)n);
    uv_udp_try_send(u, &answer, 1, from); /* what does not fit is lost */
}

static void udp(uv_loop_t *loop, const struct io_args *args)
{
    static uv_udp_t socket;
    struct sockaddr_in at;
    uv_ip4_addr("127.0.0.1", (int)args->port, &at);
    must("udp", uv_udp_init(loop, &socket));
    must("bind", uv_udp_bind(&socket, (struct sockaddr *)&at, 0));
    must("receive", uv_udp_recv_start(&socket, give_input, datagram));
    uv_run(loop, UV_RUN_DEFAULT);
}

/* One of those that read small files: a file after the other. */
struct reader {
    uv_fs_t req;
    uv_buf_t buf;
    int fd;
    char data[IO_SMALL];
};

static const struct io_args *files;
static long next_file;

static void next(struct reader *r);

static void closed(uv_fs_t *req)
{
    uv_fs_req_cleanup(req);
    next((struct reader *)req);
}

static void was_read(uv_fs_t *req)
{
    struct reader *r = (struct reader *)req;
    if (req->result != IO_SMALL)
        die("read", (int)req->result);
    uv_fs_req_cleanup(req);
    must("close", uv_fs_close(req->loop, req, r->fd, closed));
}

static void opened(uv_fs_t *req)
{
    struct reader *r = (struct reader *)req;
    must("open", (int)req->result);
    r->fd = (int)req->result;
    uv_fs_req_cleanup(req);
    r->buf = uv_buf_init(r->data, sizeof r->data);
    must("read", uv_fs_read(req->loop, req, r->fd, &r->buf, 1, 0, was_read));
}

static void next(struct reader *r)
{
    char path[4096];
    if (next_file == files->count)
        return;
    io_small_path(files, next_file++, path, sizeof path);
    must("open",
         uv_fs_open(uv_default_loop(), &r->req, path, O_RDONLY, 0, opened));
}

static void small(uv_loop_t *loop, const struct io_args *args)
{
    static struct reader readers[IO_AT_ONCE];
    files = args;
    double from = io_cpu();
    for (int i = 0; i < IO_AT_ONCE; i++)
        next(&readers[i]);
    uv_run(loop, UV_RUN_DEFAULT);
    io_told(from, (double)args->count);
}

static double total;

static void more(uv_fs_t *req)
{
    uv_buf_t buf = uv_buf_init(input, sizeof input);
    if (req->result <= 0) {
        must("read", (int)req->result);
        return;
    }
    total += (double)req->result;
    int fd = (int)(intptr_t)req->data;
    uv_fs_req_cleanup(req);
    must("read", uv_fs_read(req->loop, req, fd, &buf, 1, -1, more));
}

static void large(uv_loop_t *loop, const struct io_args *args)
{
    static uv_fs_t req;
    uv_buf_t buf = uv_buf_init(input, sizeof input);
    int fd = open(args->path, O_RDONLY | O_CLOEXEC);
    must("open", fd);
    req.data = (void *)(intptr_t)fd;
    double from = io_cpu();
    must("read", uv_fs_read(loop, &req, fd, &buf, 1, -1, more));
    uv_run(loop, UV_RUN_DEFAULT);
    io_told(from, total / IO_MIB);
}

int main(int argc, char **argv)
{
    struct io_args args = io_arguments(argc, argv);
    uv_loop_t *loop = uv_default_loop();
    switch (args.mode) {
    case IO_TCP: listen_on(loop, &args, connected); break;
#ifdef IO_TLS_HERE
    case IO_TLS:
        context = io_tls_context(&args);
        listen_on(loop, &args, tls_connected);
        break;
#endif
    case IO_UDP: udp(loop, &args); break;
    case IO_SMALL_FILES: small(loop, &args); break;
    case IO_LARGE_FILE: large(loop, &args); break;
    default: io_usage(argv[0]);
    }
    return 0;
}
