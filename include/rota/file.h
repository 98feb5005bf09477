/*
 * Files on disk, by descriptor and whole. A disk may take its time: what is
 * not in memory is left to the kernel's io_uring, or to pool threads, and the
 * loop does not wait; called on a pool thread, it simply runs there. Names and
 * directories are rota/fs.h's.
 *
 * A name the kernel knows is opened at once, and what could only be read is
 * closed so, unless many tasks do: then it is handed over with theirs. A file
 * system of the network, or of a process (FUSE), may have to ask its server
 * even then: where that cannot be relied on, rota_to_thread is the place for
 * it.
 *
 * Nothing here hangs on a FIFO or a terminal, but waiting for them is
 * rota/fd.h's. A descriptor that is used by several tasks at once is closed
 * when their calls have ended.
 *
 * Every call suspends. When the task is cancelled, work that has not begun is
 * not done (-ECANCELED), and work that has is finished and its result
 * returned, or of a long read or write the part that was; the data must stand
 * until then, and does, since the call waits.
 */
#ifndef ROTA_FILE_H
#define ROTA_FILE_H

#include <fcntl.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "rota/arena.h"
#include "rota/export.h"
#include "rota/str.h"

/*
 * Opens a file as open(2), always with O_CLOEXEC, O_NOCTTY and O_NONBLOCK;
 * `mode` is for O_CREAT. Returns the descriptor, to be closed with
 * rota_file_close, or what open(2) says (-ENXIO: a FIFO without a reader).
 * Cancel: nothing stays open.
 */
ROTA_API int rota_file_open(const char *path, int flags, mode_t mode) ROTA_MUST;

/*
 * Reads `size` bytes from where the file stands, which moves on: all of them
 * unless the file ends before. Returns how many, 0 at the end; fewer also when
 * an error or a cancellation came in between, which the next call returns.
 * -EAGAIN: a FIFO or terminal that has nothing now; -EISDIR; -EBADF: it was
 * closed; what read(2) says.
 */
ROTA_API ssize_t rota_file_read(int fd, void *data, size_t size) ROTA_MUST;

/*
 * Writes `size` bytes where the file stands, which moves on (with O_APPEND: at
 * the end). Returns `size`, or fewer when an error or a cancellation came in
 * between, which the next call returns. -EAGAIN: a FIFO or terminal without
 * room; -EFBIG: beyond RLIMIT_FSIZE (SIGXFSZ is never raised); -EBADF; what
 * write(2) says.
 */
ROTA_API ssize_t rota_file_write(int fd, const void *data,
                                 size_t size) ROTA_MUST;

/*
 * The same at `offset`, and the file stands where it stood: tasks may share a
 * descriptor. With O_APPEND writes go to the end all the same. -ESPIPE: not a
 * file one can read at an offset; what pread(2), pwrite(2) say.
 */
ROTA_API ssize_t rota_file_pread(int fd, void *data, size_t size,
                                 off_t offset) ROTA_MUST;
ROTA_API ssize_t rota_file_pwrite(int fd, const void *data, size_t size,
                                  off_t offset) ROTA_MUST;

/* Waits until what was written is on the disk: 0 or what fsync(2) says. */
ROTA_API int rota_file_fsync(int fd) ROTA_MUST;

/* The same without what is not needed to read it back, such as times. */
ROTA_API int rota_file_fdatasync(int fd) ROTA_MUST;

/* Cuts it, or extends it with zeros, to `size` bytes: 0 or what ftruncate(2)
 * says. */
ROTA_API int rota_file_ftruncate(int fd, off_t size) ROTA_MUST;

/* The file's size, type, times: 0 or what fstat(2) says. */
ROTA_API int rota_file_stat(int fd, struct stat *st) ROTA_MUST;

/*
 * Closes it when the calls on it have ended. 0, or what close(2) says: for
 * some file systems the last chance to tell that a write failed; it is closed
 * in any case but -EBADF. Cancel: it is closed all the same.
 */
ROTA_API int rota_file_close(int fd);

/*
 * Reads a whole file. `out` is in the arena, with a NUL byte after its end,
 * and is what the file held while it was read: one that shrinks meanwhile is
 * what is left, one that grows is read to its new end. 0; -EFBIG: more than
 * `limit` bytes; -EISDIR; -ESPIPE: a FIFO or the like; -ENOMEM; what open(2)
 * and pread(2) say.
 */
ROTA_API int rota_read_file(const char *path, rota_arena *a, size_t limit,
                            rota_str *out) ROTA_MUST;

/* The same of an open descriptor, from its beginning; it stays open. */
ROTA_API int rota_read_file_fd(int fd, rota_arena *a, size_t limit,
                               rota_str *out) ROTA_MUST;

/*
 * Writes a whole file, made with `mode` if there is none, else emptied first.
 * 0, or what open(2), write(2) and close(2) say: the file may then hold a
 * part. -ENXIO, -EAGAIN: a FIFO that nobody reads.
 */
ROTA_API int rota_write_file(const char *path, const void *data, size_t len,
                             mode_t mode) ROTA_MUST;

/*
 * Puts a whole file in the place of another, atomically: whoever opens `path`
 * finds the old contents or the new, also after a crash, before which they
 * were on the disk. Mode and, where it may be, owner are kept; `mode` is for
 * one that was not there. A symbolic link stays, and what it leads to is
 * replaced. 0; -EISDIR; -EINVAL: neither a file nor a directory; what the
 * system calls say, and then the old file stands, unless it is the last step
 * that failed, fsync(2) of the directory. Cancel: -ECANCELED, and the old file
 * stands; or it was done.
 */
ROTA_API int rota_replace_file(const char *path, const void *data, size_t len,
                               mode_t mode) ROTA_MUST;

/* A reader of lines; it buffers, so the file stands further than was read. */
typedef struct rota_file_reader rota_file_reader;

/*
 * Stores an owned reader of the open `fd`, which stays the caller's and open
 * as long as the reader. 0 or -ENOMEM. Suspends: no.
 */
ROTA_API int rota_file_reader_new(int fd, rota_file_reader **reader) ROTA_MUST;

/*
 * Reads a line, with its "\n" (the last may lack it). Returns its length, 0:
 * there is none any more; `line` is valid until the next call. -EMSGSIZE:
 * longer than the limit; -EBUSY: another task reads; what rota_file_read
 * says, but a FIFO or terminal is waited for (on a pool thread: -EAGAIN). On an
 * error nothing is taken. Cancel: nothing is lost.
 */
ROTA_API ssize_t rota_file_reader_readline(rota_file_reader *r,
                                           rota_str *line) ROTA_MUST;

/* The most bytes of a line; 64 KiB to begin with. Suspends: no. */
ROTA_API void rota_file_reader_set_limit(rota_file_reader *r, size_t limit);

/* Frees it (NULL is nothing). No task may be in it. Suspends: no. */
ROTA_API void rota_file_reader_free(rota_file_reader *r);

#endif
