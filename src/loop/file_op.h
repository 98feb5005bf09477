/*
 * Operations on files, which the kernel of a ring can do by itself. They are
 * none of struct op: any number may be under way on one descriptor, and many
 * have names instead of one. A simulation does them at moments of its own,
 * epoll does none. What is refused with -EOPNOTSUPP, or half done with -EAGAIN,
 * is for a thread.
 *
 * As with ops, the memory of one must stand until it is told done.
 */
#ifndef LOOP_FILE_OP_H
#define LOOP_FILE_OP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/list.h"
#include "loop/timer.h"
#include "rota/export.h"

struct loop;
struct statx;

enum file_kind {
    FILE_OPEN,     /* `path`, `flags`, `mode`: a descriptor */
    FILE_READ,     /* into `data`, until `size` bytes have moved or the end */
    FILE_WRITE,    /* all `size` bytes of `data` */
    FILE_SYNC,     /* `flags`: not 0: only the data */
    FILE_TRUNCATE, /* to `offset` bytes */
    FILE_STAT,     /* `path` with the AT_... `flags`, or `fd`, to `stat` */
    FILE_CLOSE,
    FILE_RENAME,  /* `path` becomes `to` */
    FILE_UNLINK,  /* `flags`: AT_REMOVEDIR */
    FILE_MKDIR,   /* with `mode` */
    FILE_SYMLINK, /* makes `to`, which leads to `path` */
    FILE_CHMOD,   /* to `mode` */
};

struct file_op {
    enum file_kind kind;
    int fd;           /* -1: the op is on names */
    const char *path; /* NULL: on a descriptor */
    const char *to;
    int flags;
    mode_t mode;
    char *data;
    size_t size;
    size_t moved; /* bytes read or written so far */
    off_t offset; /* of the first byte; -1: where the file stands */
    struct statx *stat;

    void (*done)(struct file_op *op);
    int (*here)(struct file_op *op); /* does it, as far as `size`, by plain
                                        calls: the result */
    int result; /* >= 0 or a negative errno; of reads and writes 0 or why no
                   more than `moved` bytes */

    /* The backend's. */
    bool armed;
    bool cancelled;
    uint16_t generation;
    unsigned entered; /* the ring's count of that when it was submitted */
    struct list link;
    struct timer moment; /* of what happens next in a simulation */
};

/* Starts it. 0: done will be called, never from inside this call; -EOPNOTSUPP,
 * -EAGAIN: not here (no ring moves a file's position), or not now. */
int file_op_submit(struct loop *l, struct file_op *op)
    ROTA_INTERNAL(file_op_submit);

/* Whether such an op is for the backend now, even if it could be had at once
 * by a plain call. */
bool file_op_is_due(struct loop *l, enum file_kind kind)
    ROTA_INTERNAL(file_op_is_due);

/* Asks for an armed one to end early; done will be called, with -ECANCELED
 * or what came first. One that has begun is mostly finished. */
void file_op_cancel(struct loop *l, struct file_op *op)
    ROTA_INTERNAL(file_op_cancel);

#endif
