/*
 * Streams: connected TCP and Unix sockets, pipes and terminals with buffered
 * reading.
 *
 *     rota_stream *s;
 *     int rc = rota_open_connection("127.0.0.1", 8000, &s);
 *     if (rc < 0)
 *         return rc;
 *     rota_str line;
 *     rc = rota_stream_write(s, "hello\n", 6, NULL);
 *     if (rc == 0)
 *         rc = (int)rota_stream_readline(s, &line);
 *     rota_stream_close(s);
 *
 * One task may read while another writes; a second reader, or writer, is told
 * -EBUSY. Errors of the connection stay: once what had arrived is read, every
 * read and write returns the same. What is written goes to the kernel, never
 * to a buffer of rota's: a peer that does not read makes the writer wait.
 *
 * These calls are a task's; a pool thread reaches them through
 * rota_from_thread_run.
 */
#ifndef ROTA_STREAM_H
#define ROTA_STREAM_H

#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "rota/export.h"
#include "rota/str.h"

typedef struct rota_stream rota_stream;

/*
 * Connects to a host (an address, "localhost", a name) and port, and stores
 * an owned stream. The host's addresses are tried in turn, each as soon as
 * the one before has failed or has not answered for 250 ms; the first that
 * answers wins (RFC 8305). 0; -EINVAL, -ENOENT (no such host),
 * -EAGAIN (the name server is silent), or what the first address failed by:
 * -ECONNREFUSED, -ENETUNREACH, ... Suspends: yes. Cancel: nothing stays open;
 * the lookup of a name goes on for others (rota/dns.h).
 */
ROTA_API int rota_open_connection(const char *host, int port,
                                  rota_stream **stream) ROTA_MUST;

/* The same at the path of a Unix socket: also -ENAMETOOLONG, -EACCES. */
ROTA_API int rota_open_unix_connection(const char *path,
                                       rota_stream **stream) ROTA_MUST;

/*
 * Makes a stream of a connected socket, such as rota_accept gives, or of an
 * end of a pipe, a terminal, standard input or output; it owns the descriptor
 * from then on. TCP gets TCP_NODELAY; a blocking descriptor stays blocking,
 * for other processes may share it, and keeps nobody waiting here. An end of a
 * pipe goes one way: the other is -EBADF. 0; -EBADF; -ENOMEM (the descriptor
 * is then still the caller's). Suspends: no.
 */
ROTA_API int rota_stream_new(int fd, rota_stream **stream) ROTA_MUST;

/*
 * Reads what is there, at most `size` bytes. Returns how many; 0 at the end
 * (and for size 0). -EBUSY, -EBADF: the stream is being closed; -ECONNRESET
 * and the like. Suspends: yes. Cancel: nothing is lost.
 */
ROTA_API ssize_t rota_stream_read(rota_stream *s, void *data,
                                  size_t size) ROTA_MUST;

/*
 * Reads exactly `size` bytes: 0, or an error with `data` untouched and
 * nothing taken: what has arrived is there for the next read. -ENODATA: the
 * stream ends before; the others as rota_stream_read. `done` (may be NULL) is
 * set to how many of the bytes had arrived. Suspends: yes. Cancel: nothing is
 * lost.
 */
ROTA_API int rota_stream_readexactly(rota_stream *s, void *data, size_t size,
                                     size_t *done) ROTA_MUST;

/*
 * Reads up to the end of the first occurrence of the `separator`, which is not
 * empty. Returns the length, separator included; `out` is valid until the next
 * call that reads. -EMSGSIZE: longer than the limit; -ENODATA: the stream
 * ends before; on these and the other errors nothing is taken. Suspends: yes.
 * Cancel: nothing is lost.
 */
ROTA_API ssize_t rota_stream_readuntil(rota_stream *s, rota_str separator,
                                       rota_str *out) ROTA_MUST;

/*
 * Reads a line with its "\n", as rota_stream_readuntil, except that the
 * stream's end ends a line too: the last may lack the "\n", and 0 means that
 * there is none any more.
 */
ROTA_API ssize_t rota_stream_readline(rota_stream *s, rota_str *line) ROTA_MUST;

/* The most bytes of what rota_stream_readuntil and _readline return; 64 KiB
 * to begin with. Suspends: no. */
ROTA_API void rota_stream_set_limit(rota_stream *s, size_t limit);

/*
 * Writes all of it: 0, or an error, and then `done` (may be NULL) is set to
 * how many bytes went out before. -EPIPE: the peer reads no more, or after
 * rota_stream_write_eof; -EBUSY, -EBADF, -ECONNRESET and the like. Suspends:
 * yes, as long as the peer does not read. Cancel: `done` tells what was sent.
 */
ROTA_API int rota_stream_write(rota_stream *s, const void *data, size_t size,
                               size_t *done) ROTA_MUST;

/*
 * The same for all bytes of `count` vectors, of any number; also -EINVAL: a
 * negative count, or lengths that add up to more than SSIZE_MAX.
 */
ROTA_API int rota_stream_writev(rota_stream *s, const struct iovec *vectors,
                                int count, size_t *done) ROTA_MUST;

/*
 * The same for at most `count` bytes of a file (on disk), from `offset` on:
 * SIZE_MAX: to its end. 0: they are sent, or the file ends before, as `done`
 * tells; also -ESPIPE: no file on disk, what reading it says; as
 * rota_to_thread, where the disk is waited for. A TLS stream encrypts, so it
 * copies them.
 */
ROTA_API int rota_stream_sendfile(rota_stream *s, int fd, off_t offset,
                                  size_t count, size_t *done) ROTA_MUST;

/*
 * Writes to `to` what can be read from `from`, until that ends: 0. It never
 * receives more than `to` takes: a peer that does not read makes the other
 * one's writer wait. While it waits it holds no memory. `to` may be `from`.
 * `done` (may be NULL) is set to how many bytes went out. On an error what was
 * received and not sent is there for the next read of `from`. The errors of
 * rota_stream_read and _write; which one it was the streams know: if it was
 * writing, rota_stream_write of 0 bytes returns it too. -ENOMEM may mean that
 * bytes are lost: then reading `from` returns it from now on. Suspends: yes.
 * Cancel: nothing is lost.
 */
ROTA_API int rota_stream_copy(rota_stream *to, rota_stream *from,
                              size_t *done) ROTA_MUST;

/*
 * Tells the peer that nothing more will be written; reading goes on. For a
 * pipe that is to close it. 0; -EBUSY: a task is writing; -EOPNOTSUPP: a
 * terminal; the connection's error. Suspends: no (a TLS stream: as writing
 * does; a pipe: as rota_close).
 */
ROTA_API int rota_stream_write_eof(rota_stream *s) ROTA_MUST;

/*
 * Closes and frees the stream (NULL is nothing). Tasks parked on it return
 * -EBADF, or their success when it came first, and are waited for. Suspends:
 * yes, but not for the peer. Cancel: it is closed all the same.
 */
ROTA_API void rota_stream_close(rota_stream *s);

/*
 * The same, but what is not sent yet is dropped, and the peer of a TCP stream
 * gets -ECONNRESET instead of the end, so that it does not take what it has
 * for all there was.
 */
ROTA_API void rota_stream_abort(rota_stream *s);

/* The descriptor, for a socket's options (rota/net.h) and names
 * (rota/address.h); it stays the stream's. -1: a pipe after
 * rota_stream_write_eof. */
ROTA_API int rota_stream_fd(const rota_stream *s);

#endif
