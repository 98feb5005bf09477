/*
 * Plain descriptors: pipes, terminals, sockets of other libraries. A blocking
 * descriptor stays blocking (that mode is shared with other processes), and
 * yet nothing here blocks the loop. Files on disk are rota/file.h's.
 *
 * A descriptor used here is closed with rota_close and not with close(2): the
 * loop may still watch it. These calls are a task's; a pool thread reaches
 * them through rota_from_thread_run.
 */
#ifndef ROTA_FD_H
#define ROTA_FD_H

#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "rota/export.h"

/*
 * Reads what is there, at most `size` bytes. Returns how many, 0 at the end
 * (and for size 0); -EBUSY: another task reads here; -EBADF: it was closed,
 * even meanwhile; what read(2) says. Suspends: yes. Cancel: nothing is lost.
 */
ROTA_API ssize_t rota_read(int fd, void *data, size_t size) ROTA_MUST;

/* The same into `count` vectors, one after the other: readv(2), except that
 * any count will do. Also -EINVAL: a negative count, or lengths that add up
 * to more than SSIZE_MAX. */
ROTA_API ssize_t rota_readv(int fd, const struct iovec *vectors,
                            int count) ROTA_MUST;

/*
 * Writes all `size` bytes. Returns `size`; or fewer: these were written, then
 * it was cut short by a cancellation, a close or an error, which the next
 * call returns. -EPIPE: nobody reads any more (SIGPIPE is never raised);
 * -EBUSY, -EBADF as rota_read; -EINVAL: size above SSIZE_MAX. Suspends: yes.
 * Cancel: the count says what was written.
 */
ROTA_API ssize_t rota_write(int fd, const void *data, size_t size) ROTA_MUST;

/*
 * The same of all bytes of `count` vectors, of any number and length; errors
 * as rota_readv and rota_write. Up to IOV_MAX vectors go out by one system
 * call as long as the other side has room.
 */
ROTA_API ssize_t rota_writev(int fd, const struct iovec *vectors,
                             int count) ROTA_MUST;

/*
 * Waits until one of `events` (POLLIN, POLLOUT, ...) holds; returns those that
 * do, with POLLERR and POLLHUP. -EBUSY: another task waits for the same
 * direction; -EBADF; -EINVAL: a file on disk, to which none of them will ever
 * come. Suspends: yes. Cancel: nothing is lost.
 */
ROTA_API int rota_wait_fd(int fd, short events) ROTA_MUST;

/*
 * Sends at most `count` bytes of a file (on disk), from `offset` on, to a
 * socket, pipe or terminal, mostly without copying them: SIZE_MAX: to the
 * file's end. Neither a slow disk nor a slow peer keeps the loop waiting.
 * Returns how many: fewer when the file ends there, or as rota_write; 0 at the
 * file's end. -ESPIPE: `in_fd` is no file on disk; -EINVAL; -EBADF: one of the
 * two was closed; what reading and rota_write say; as rota_to_thread.
 * Suspends: yes. Cancel: the count says what was sent.
 */
ROTA_API ssize_t rota_sendfile(int out_fd, int in_fd, off_t offset,
                               size_t count) ROTA_MUST;

/*
 * Ends one direction of a connected socket, or both: SHUT_RD, SHUT_WR,
 * SHUT_RDWR, as shutdown(2). Tasks that wait there meet the end, or -EPIPE. 0;
 * -EBADF, -ENOTSOCK, -ENOTCONN, -EINVAL. Suspends: no.
 */
ROTA_API int rota_shutdown(int fd, int how) ROTA_MUST;

/*
 * Closes a descriptor. Tasks that wait on it return -EBADF (or their success,
 * when it came first); it is gone when they have let go of it, so its number
 * can never be met by mistake. Returns 0, or what close(2) says; it is closed
 * in any case but -EBADF. Suspends: yes, but not for the other side. Cancel:
 * it is closed all the same.
 */
ROTA_API int rota_close(int fd);

#endif
