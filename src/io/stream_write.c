/*
 * Writing to a stream. Nothing is kept here: what a call was given is out when
 * it returns, or its count says how much of it is.
 */
#include "io/stream.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

/* Of what small vectors are gathered into, where they cannot go as they are:
 * it stands on the stack. */
enum { GATHERED = 4096 };

int stream_begin_writing(struct rota_stream *s, struct io_call *c)
{
    int rc = io_begin(c, s->fd);
    if (rc == -EBADF && s->fd < 0)
        return s->write_error; /* the end of it was to close it */
    if (rc < 0)
        return rc;
    if (s->writing)
        return io_end(c, -EBUSY);
    s->writing = true;
    return 0;
}

/* Ends the call. Nothing of the stream may be touched after it. */
static int end_call(struct rota_stream *s, struct io_call *c, int rc)
{
    s->writing = false;
    return io_end(c, rc);
}

int stream_end_writing(struct rota_stream *s, struct io_call *c, int rc)
{
    if (rc < 0 && !stream_is_of_call(rc))
        s->write_error = rc;
    return end_call(s, c, rc);
}

int rota_stream_write(rota_stream *s, const void *data, size_t size,
                      size_t *done)
{
    struct io_call c;
    size_t sent = 0;
    int rc = stream_begin_writing(s, &c);
    if (rc == 0) {
        rc = s->write_error;
        if (rc == 0 && size > 0)
            rc = s->kind->send(s, &c, data, size, &sent);
        rc = stream_end_writing(s, &c, rc);
    }
    if (done)
        *done = sent;
    return rc;
}

/* Copies whole vectors as far as they fit: how many bytes. */
static size_t gather(const struct io_vectors *v, char *to)
{
    size_t n = 0;
    for (int i = 0; i < v->count; i++) {
        size_t len = v->next[i].iov_len;
        if (len > GATHERED - n)
            break;
        if (len > 0)
            memcpy(to + n, v->next[i].iov_base, len);
        n += len;
    }
    return n;
}

/* For kinds that know bytes only. */
static int send_gathered(struct rota_stream *s, struct io_call *c,
                         struct io_vectors *v, size_t size, size_t *done)
{
    char small[GATHERED];
    int rc = 0;
    while (rc == 0 && *done < size) {
        size_t sent = 0;
        io_vectors_advance(v, 0);
        size_t n = gather(v, small);
        if (n > 0)
            rc = s->kind->send(s, c, small, n, &sent);
        else
            rc =
                s->kind->send(s, c, v->next->iov_base, v->next->iov_len, &sent);
        io_vectors_advance(v, sent);
        *done += sent;
    }
    return rc;
}

int rota_stream_writev(rota_stream *s, const struct iovec *vectors, int count,
                       size_t *done)
{
    struct io_call c;
    struct io_vectors v = { .next = vectors, .count = count };
    size_t sent = 0;
    ssize_t size = io_vectors_size(vectors, count);
    int rc = size < 0 ? (int)size : stream_begin_writing(s, &c);
    if (rc == 0) {
        rc = s->write_error;
        if (rc == 0 && s->kind->send_vectors)
            rc = s->kind->send_vectors(s, &c, &v, (size_t)size, &sent);
        else if (rc == 0)
            rc = send_gathered(s, &c, &v, (size_t)size, &sent);
        rc = stream_end_writing(s, &c, rc);
    }
    if (done)
        *done = sent;
    return rc;
}

struct piece {
    struct rota_stream *s;
    struct io_call *c;
};

static int send_piece(void *arg, const char *data, size_t size, size_t *done)
{
    struct piece *p = arg;
    size_t sent = 0;
    int rc = p->s->kind->send(p->s, p->c, data, size, &sent);
    *done += sent;
    return rc;
}

/* What may ail the file, or the thread that reads it: the connection is as it
 * was. */
static bool is_of_file(int rc)
{
    switch (-rc) {
    case EAGAIN:
    case EINVAL:
    case EIO:
    case EISDIR:
    case EOVERFLOW:
    case ESPIPE: return true;
    default: return false;
    }
}

int rota_stream_sendfile(rota_stream *s, int fd, off_t offset, size_t count,
                         size_t *done)
{
    struct io_call c;
    size_t sent = 0;
    int rc = stream_begin_writing(s, &c);
    if (rc == 0) {
        struct piece p = { s, &c };
        bool broken = s->write_error < 0;
        rc = s->write_error;
        if (!broken && s->kind->send_file)
            rc = s->kind->send_file(s, &c, fd, offset, count, &sent);
        else if (!broken)
            rc = io_send_copy(&c, fd, offset, count, send_piece, &p, &sent);
        if (!broken && is_of_file(rc))
            rc = end_call(s, &c, rc);
        else
            rc = stream_end_writing(s, &c, rc);
    }
    if (done)
        *done = sent;
    return rc;
}

int rota_stream_write_eof(rota_stream *s)
{
    if (s->writing)
        return -EBUSY;
    if (s->write_error)
        return s->write_error == -EPIPE ? 0 : s->write_error;
    return s->kind->shutdown(s);
}
