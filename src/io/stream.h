/*
 * Inside a stream, for the kinds of streams there are: what they share is
 * here, buffered reading in stream.c, writing in stream_write.c; what differs,
 * how bytes come in and go out, is a struct stream_kind.
 */
#ifndef IO_STREAM_H
#define IO_STREAM_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "io/send.h"
#include "io/wait.h"
#include "rota/stream.h"

struct stream_kind {
    /* Receives at most `size` > 0 bytes in the call `c`: how many; 0 at the
     * end; or an error. */
    int (*receive)(struct rota_stream *s, struct io_call *c, void *data,
                   size_t size);
    /* Waits in the call `c` until receiving would find something; NULL: that
     * is when the descriptor can be read. */
    int (*await)(struct rota_stream *s, struct io_call *c);
    /* Sends what goes without waiting, also outside of tasks: 0: all of it is
     * out; -EAGAIN: `send` has to go on, with what is left even if that is
     * nothing; or an error; *done as there. NULL: that is never known. */
    int (*send_now)(struct rota_stream *s, const char *data, size_t size,
                    size_t *done);
    /* Sends all of it in the call `c`: 0 or an error; either way *done, which
     * is 0, has become how many bytes are out and not to be sent again. */
    int (*send)(struct rota_stream *s, struct io_call *c, const char *data,
                size_t size, size_t *done);
    /* The same for vectors of `size` bytes together, and for at most `count`
     * bytes of a file (io_send_file). NULL: it is done by `send`. */
    int (*send_vectors)(struct rota_stream *s, struct io_call *c,
                        struct io_vectors *v, size_t size, size_t *done);
    int (*send_file)(struct rota_stream *s, struct io_call *c, int fd,
                     off_t offset, size_t count, size_t *done);
    /* Says that no more will be sent, which makes -EPIPE the write_error: 0 or
     * an error. If it suspends, it is a call of its own. */
    int (*shutdown)(struct rota_stream *s);
    /* Closes the descriptor, which ends all calls on it, and frees `state`. */
    void (*close)(struct rota_stream *s, struct rota_task *t);
    bool is_socket; /* what its descriptor receives is what is read */
};

struct rota_stream {
    const struct stream_kind *kind;
    void *state; /* the kind's own */
    int fd;
    size_t limit;

    struct buf in;
    bool reading;   /* a task is in a call that reads */
    bool ended;     /* the peer writes no more */
    int read_error; /* negative: what every read returns once `in` is empty */

    bool writing;
    int write_error;
    bool aborted; /* it is closed without a word */
};

/* As rota_stream_new, of a socket of that `family`; -ENOTSOCK: of no socket. */
int stream_new(int fd, int family, rota_stream **stream);

/* Of the call, and not of the connection, which is as it was. */
static inline bool stream_is_of_call(int rc)
{
    return rc == -ECANCELED || rc == -EBADF || rc == -ENOMEM || rc == -EBUSY;
}

/* Begin and end a call that reads, and one that writes: 0; -EBUSY or what
 * io_begin says. Nothing of the stream may be touched after the end. */
int stream_begin_reading(struct rota_stream *s, struct io_call *c);
int stream_end_reading(struct rota_stream *s, struct io_call *c, int rc);
int stream_begin_writing(struct rota_stream *s, struct io_call *c);
int stream_end_writing(struct rota_stream *s, struct io_call *c, int rc);

/* Notes what a receive told: its result, which is an error, the end, or
 * bytes; returns the one that stays from now on. */
int stream_note_received(struct rota_stream *s, int rc);

/* Receives into the buffer, at its back: bytes, 0 at the end, or an error. */
int stream_fill(struct rota_stream *s, struct io_call *c);

/* Pipes, terminals and whatever else read(2) and write(2) serve. */
extern const struct stream_kind stream_plain_kind;

#endif
