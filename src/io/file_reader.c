/*
 * Lines of a file. As with streams, what was read and not yet returned is in
 * the reader's buffer, so a call that is cancelled has nothing to undo.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "rota/fd.h"
#include "rota/file.h"
#include "task/thread.h"

enum {
    CHUNK = 65536, /* bytes read at once */
    LIMIT = 65536, /* of a line, unless set */
};

struct rota_file_reader {
    int fd;
    size_t limit;
    bool busy; /* a task reads */
    struct buf in;
};

int rota_file_reader_new(int fd, rota_file_reader **reader)
{
    struct rota_file_reader *r = calloc(1, sizeof *r);
    if (!r)
        return -ENOMEM;
    r->fd = fd;
    r->limit = LIMIT;
    *reader = r;
    return 0;
}

void rota_file_reader_set_limit(rota_file_reader *r, size_t limit)
{
    r->limit = limit < SSIZE_MAX ? limit : SSIZE_MAX;
}

/* Bytes, 0 at the end. A FIFO or terminal that has nothing is waited for. */
static ssize_t fill(struct rota_file_reader *r)
{
    char *room = buf_reserve(&r->in, CHUNK);
    if (!room)
        return -ENOMEM;
    ssize_t n = rota_file_read(r->fd, room, CHUNK);
    if (n == -EAGAIN && !thread_is_worker())
        n = rota_read(r->fd, room, CHUNK);
    if (n > 0)
        buf_commit(&r->in, (size_t)n);
    return n;
}

/* Where the line ends in the buffer, looking from `from`; 0: not there. */
static size_t find(struct rota_file_reader *r, size_t from)
{
    size_t len = buf_len(&r->in);
    if (len == from)
        return 0;
    const char *head = buf_head(&r->in);
    const char *at = memchr(head + from, '\n', len - from);
    return at ? (size_t)(at - head) + 1 : 0;
}

/* The length of the next line, all of which is in the buffer then. */
static ssize_t seek(struct rota_file_reader *r)
{
    for (size_t seen = 0;;) {
        size_t end = find(r, seen);
        seen = buf_len(&r->in);
        if (end > r->limit || (end == 0 && seen >= r->limit))
            return -EMSGSIZE;
        if (end > 0)
            return (ssize_t)end;
        ssize_t n = fill(r);
        if (n <= 0)
            return n < 0 ? n : (ssize_t)seen;
    }
}

ssize_t rota_file_reader_readline(rota_file_reader *r, rota_str *line)
{
    if (r->busy)
        return -EBUSY;
    r->busy = true;
    ssize_t len = seek(r);
    r->busy = false;
    if (len < 0)
        return len;
    *line = (rota_str){ len ? buf_head(&r->in) : "", (size_t)len };
    if (len)
        buf_take(&r->in, (size_t)len); /* it stands until the next fill */
    return len;
}

void rota_file_reader_free(rota_file_reader *r)
{
    if (!r)
        return;
    buf_fini(&r->in);
    free(r);
}
