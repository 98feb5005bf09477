/*
 * Files as answers. Opening, asking the size and reading the first piece are
 * one visit to a pool thread; a larger file is then read and sent piece by
 * piece, so that it costs one buffer whatever its size.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rota/file.h"
#include "rota/log.h"
#include "rota/scope.h"
#include "rota/thread.h"
#include "web/path.h"
#include "web/request.h"

enum { FILE_PIECE = 64 * 1024 };

struct opening {
    const char *folder;
    const char *name;
    char *piece; /* of FILE_PIECE bytes */
    int fd;      /* -1 when all was read */
    off_t size;
    ssize_t got;
};

/* On a pool thread: 0 or a negative errno with nothing left open. */
static int open_and_read(void *arg)
{
    struct opening *o = arg;
    int dir = open(o->folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return -errno;
    o->fd = path_open_beneath(dir, o->name, O_RDONLY | O_NONBLOCK);
    close(dir);
    if (o->fd < 0)
        return o->fd;
    struct stat st;
    int rc = fstat(o->fd, &st) < 0 ? -errno : 0;
    if (rc == 0 && !S_ISREG(st.st_mode))
        rc = -EISDIR;
    if (rc == 0) {
        o->size = st.st_size;
        o->got = rota_file_pread(o->fd, o->piece, FILE_PIECE, 0);
        rc = o->got < 0 ? (int)o->got : 0;
    }
    if (rc < 0 || o->got >= o->size) {
        close(o->fd);
        o->fd = -1;
    }
    return rc;
}

static const char *media_type(rota_str name)
{
    static const struct {
        const char *ending, *type;
    } known[] = {
        { ".html", "text/html; charset=utf-8" },
        { ".txt", "text/plain; charset=utf-8" },
        { ".css", "text/css; charset=utf-8" },
        { ".js", "text/javascript; charset=utf-8" },
        { ".json", "application/json" },
        { ".svg", "image/svg+xml" },
        { ".png", "image/png" },
        { ".jpg", "image/jpeg" },
        { ".pdf", "application/pdf" },
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        size_t len = strlen(known[i].ending);
        if (name.len >= len &&
            memcmp(name.ptr + name.len - len, known[i].ending, len) == 0)
            return known[i].type;
    }
    return "application/octet-stream";
}

/* The rest of a file that was longer than a piece. What it loses meanwhile
 * makes the answer short, and the connection is then reset. */
static rota_response *send_pieces(rota_request *r, struct opening *o,
                                  rota_str name)
{
    rota_response *out = rota_stream_out(r, media_type(name), o->size);
    off_t at = 0;
    int rc = out ? 0 : -ENOMEM;
    while (rc == 0 && o->got > 0) {
        if (o->got > o->size - at)
            o->got = (ssize_t)(o->size - at);
        rc = rota_write_out(out, o->piece, (size_t)o->got);
        at += o->got;
        if (rc == 0 && at < o->size)
            o->got = rota_file_pread(o->fd, o->piece, FILE_PIECE, at);
        else
            break;
    }
    rota_file_close(o->fd);
    return out;
}

static rota_response *refuse(rota_request *r, int rc)
{
    switch (rc) {
    case -ENOENT:
    case -ENOTDIR:
    case -EISDIR:
    case -EXDEV:
    case -ELOOP:
    case -EINVAL:
    case -ENAMETOOLONG:
    case -ENXIO: return rota_http_error(r, 404, "there is no such file");
    case -EACCES:
    case -EPERM: return rota_http_error(r, 403, "the file may not be read");
    case -ECANCELED: return rota_http_error(r, 503, "%s", rota_cancel_reason());
    case -EAGAIN:
    case -EMFILE:
    case -ENFILE:
    case -ENOMEM: return rota_http_error(r, 503, "too busy to open the file");
    default:
        rota_log(ROTA_LOG_ERROR, "reading a file failed: %s",
                 rota_strerror(rc));
        return rota_http_error(r, 500, "the file could not be read");
    }
}

rota_response *rota_file_below(rota_request *r, const char *folder,
                               rota_str name)
{
    rota_arena *a = &r->http->arena;
    char *path;
    struct opening o = { .folder = folder, .fd = -1 };
    int rc = path_join_safe(a, ROTA_STR(""), name, &path);
    if (rc < 0)
        return refuse(r, rc);
    o.name = path;
    o.piece = rota_arena_alloc(a, FILE_PIECE);
    rc = o.piece ? rota_to_thread(open_and_read, &o) : -ENOMEM;
    if (rc < 0)
        return refuse(r, rc);
    if (o.fd >= 0)
        return send_pieces(r, &o, name);
    return rota_bytes(r, media_type(name), o.piece, (size_t)o.got);
}
