/*
 * Whole files. Memory is taken from the arena on the loop's thread, between
 * the pieces of work that read into it, perhaps on a pool thread: an arena is
 * not made for two. A file of a known size takes two: open, then read and
 * close.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>

#include "io/file_call.h"
#include "rota/file.h"
#include "task/thread.h"

/* Room to begin with for a file that does not tell its size (/proc). */
enum { UNTOLD = 4096 };

struct whole {
    int fd;
    const char *path; /* NULL: the descriptor is the caller's */
    mode_t mode;
    char *data;
    size_t size; /* room at `data`, or bytes to write */
    size_t len;  /* read so far */
    struct stat st;
    bool ended; /* all is read */
};

/* Work: opens what is to be read and looks at what it is. */
static int look(void *arg)
{
    struct whole *w = arg;
    if (w->path)
        w->fd = rota_file_open(w->path, O_RDONLY, 0);
    if (w->fd < 0)
        return w->path ? w->fd : -EBADF;
    int rc = rota_file_stat(w->fd, &w->st);
    if (rc < 0)
        return rc;
    if (S_ISDIR(w->st.st_mode))
        return -EISDIR;
    return S_ISFIFO(w->st.st_mode) || S_ISSOCK(w->st.st_mode) ? -ESPIPE : 0;
}

/* Work: reads until the room is full or the file ends, and then closes it. */
static int read_on(void *arg)
{
    struct whole *w = arg;
    while (w->len < w->size && !w->ended) {
        ssize_t n = rota_file_pread(w->fd, w->data + w->len, w->size - w->len,
                                    (off_t)w->len);
        if (n < 0)
            return (int)n;
        w->len += (size_t)n;
        w->ended = n == 0;
    }
    if (w->ended && w->path) {
        rota_file_close(w->fd);
        w->fd = -1;
    }
    return 0;
}

/* Room for the first read. One byte more than is expected: a read that leaves
 * it free has met the end, and it takes the NUL. */
static size_t first_room(const struct whole *w, size_t limit)
{
    bool told = S_ISREG(w->st.st_mode) && w->st.st_size > 0;
    size_t expected = told ? (size_t)w->st.st_size : UNTOLD;
    return (expected < limit ? expected : limit) + 1;
}

static int read_all(struct whole *w, rota_arena *a, size_t limit)
{
    int rc = file_work(look, w);
    if (rc == 0 && S_ISREG(w->st.st_mode) && (size_t)w->st.st_size > limit)
        rc = -EFBIG;
    size_t room = first_room(w, limit);
    while (rc == 0 && !w->ended) {
        char *data = rota_arena_grow(a, w->data, w->size, room);
        if (!data)
            return -ENOMEM;
        w->data = data;
        w->size = room;
        rc = file_work(read_on, w);
        if (w->len > limit)
            rc = -EFBIG;
        room = room <= limit / 2 ? room * 2 : limit + 1;
    }
    return rc;
}

static int read_whole(struct whole *w, rota_arena *a, size_t limit,
                      rota_str *out)
{
    limit = limit < SSIZE_MAX ? limit : SSIZE_MAX - 1;
    int rc = read_all(w, a, limit);
    if (w->path && w->fd >= 0)
        rota_file_close(w->fd);
    if (rc < 0)
        return rc;
    w->data[w->len] = '\0';
    *out = (rota_str){ w->data, w->len };
    return 0;
}

int rota_read_file(const char *path, rota_arena *a, size_t limit, rota_str *out)
{
    struct whole w = { .fd = -1, .path = path };
    return read_whole(&w, a, limit, out);
}

int rota_read_file_fd(int fd, rota_arena *a, size_t limit, rota_str *out)
{
    struct whole w = { .fd = fd };
    return read_whole(&w, a, limit, out);
}

/* Job: writes it all. The first error counts, but it is closed anyway. */
static int write_whole(void *arg)
{
    struct whole *w = arg;
    w->fd = rota_file_open(w->path, O_WRONLY | O_CREAT | O_TRUNC, w->mode);
    if (w->fd < 0)
        return w->fd;
    int rc = 0;
    while (rc == 0 && w->len < w->size) {
        ssize_t n = rota_file_write(w->fd, w->data + w->len, w->size - w->len);
        w->len += n > 0 ? (size_t)n : 0;
        rc = n < 0 ? (int)n : 0;
    }
    int closed = rota_file_close(w->fd);
    return rc < 0 ? rc : closed;
}

int rota_write_file(const char *path, const void *data, size_t len, mode_t mode)
{
    struct whole w = {
        .path = path, .mode = mode, .data = (char *)data, .size = len
    };
    return thread_run(POOL_FILE, write_whole, &w);
}
