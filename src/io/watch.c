/*
 * Watching by inotify, whose watches are of directories here and shared: one
 * of the kernel's may stand for several of ours, of the directory as a whole
 * and of names in it. So one event of the kernel's is handed out once to each
 * that it concerns, in the order of their ids, and is left in the buffer until
 * then: who is cancelled meanwhile has lost nothing.
 */
#include "rota/watch.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "base/misuse.h"
#include "io/wait.h"
#include "loop/sock.h"
#include "task/runtime.h"

enum {
    BUCKETS = 64,
    BUFFER = 16384,
    EVENTS = IN_CREATE | IN_MODIFY | IN_ATTRIB | IN_DELETE | IN_MOVED_FROM |
             IN_MOVED_TO | IN_MOVE_SELF | IN_ONLYDIR | IN_EXCL_UNLINK,
};

/* One of ours. */
struct watched {
    struct list link; /* in its bucket, by id */
    int id;
    int wd;     /* the kernel's */
    char *name; /* NULL: all of the directory; else on the heap */
};

struct rota_watch {
    int fd;
    int last_id;
    unsigned ended;               /* watches, ever */
    bool reading;                 /* a task is in rota_watch_next */
    struct list watched[BUCKETS]; /* by wd */

    size_t at; /* the event that is handed out */
    size_t len;
    int told; /* the id that it was handed to last; 0: none */
    _Alignas(struct inotify_event) char buffer[BUFFER];
};

int rota_watch_new(rota_watch **watch)
{
    struct loop *l = loop_current();
    if (!l)
        return misuse(-EPERM, "rota_watch_new outside of a loop");
    if (sock_simulated(l))
        return -EOPNOTSUPP;
    struct rota_watch *w = calloc(1, sizeof *w);
    if (!w)
        return -ENOMEM;
    w->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (w->fd < 0) {
        free(w);
        return -errno;
    }
    for (int i = 0; i < BUCKETS; i++)
        list_init(&w->watched[i]);
    *watch = w;
    return 0;
}

static struct list *bucket(struct rota_watch *w, int wd)
{
    return &w->watched[(unsigned)wd % BUCKETS];
}

/* What a new watch asks of the kernel. */
struct request {
    int fd;
    const char *path;
    char *name; /* on the heap; NULL: a directory's */
};

/* Watches the directory of a name. */
static int watch_name(struct request *q)
{
    const char *slash = strrchr(q->path, '/');
    const char *name = slash ? slash + 1 : q->path;
    if (*name == '\0')
        return -ENOENT;
    char *dir =
        slash ? strndup(q->path, (size_t)(slash - q->path) + 1) : strdup(".");
    q->name = strdup(name);
    int wd = dir && q->name ? inotify_add_watch(q->fd, dir, EVENTS) : -1;
    int rc = wd < 0 ? -errno : wd;
    free(dir);
    return rc;
}

/* Work: 0 or above: the kernel's watch. */
static int ask(void *arg)
{
    struct request *q = arg;
    struct stat st;
    free(q->name);
    q->name = NULL;
    int rc = stat(q->path, &st);
    if (rc < 0 && errno != ENOENT)
        return -errno;
    if (rc < 0 || !S_ISDIR(st.st_mode))
        return watch_name(q);
    int wd = inotify_add_watch(q->fd, q->path, EVENTS);
    return wd < 0 ? -errno : wd;
}

static int insert(struct rota_watch *w, int wd, char *name)
{
    struct watched *d = malloc(sizeof *d);
    if (!d)
        return -ENOMEM;
    *d = (struct watched){ .id = ++w->last_id, .wd = wd, .name = name };
    list_init(&d->link);
    list_push(bucket(w, wd), &d->link);
    return d->id;
}

/* Asks again when a watch has ended meanwhile: it may have been the one that
 * the kernel said stands for this path too. */
static int add(struct rota_watch *w, struct request *q, struct fd_use *use)
{
    unsigned ended;
    int rc;
    do {
        ended = w->ended;
        rc = thread_run(POOL_FILE, ask, q);
    } while (rc >= 0 && ended != w->ended);
    if (rc >= 0 && use->closing)
        rc = -EBADF;
    return rc < 0 ? rc : insert(w, rc, q->name);
}

/* A close waits until it has ended; it cannot be hurried. */
static void leave(struct fd_use *use)
{
    (void)use;
}

int rota_watch_add(rota_watch *w, const char *path)
{
    if (!task_current())
        return misuse(-EPERM, "rota_watch_add outside of a task");
    struct fd_use use;
    struct request q = { .fd = w->fd, .path = path };
    int rc = fd_use_begin(&use, w->fd, leave);
    if (rc < 0)
        return rc;
    rc = add(w, &q, &use);
    if (rc < 0)
        free(q.name);
    fd_use_end(&use); /* from here the watcher may be gone */
    return rc;
}

static void end_watch(struct rota_watch *w, struct watched *d)
{
    w->ended++;
    list_remove(&d->link);
    free(d->name);
    free(d);
}

/* True when one of ours stands on the kernel's. */
static bool is_used(struct rota_watch *w, int wd)
{
    list_each (it, bucket(w, wd))
        if (container_of(it, struct watched, link)->wd == wd)
            return true;
    return false;
}

static struct watched *find(struct rota_watch *w, int id)
{
    for (int i = 0; i < BUCKETS; i++)
        list_each (it, &w->watched[i])
            if (container_of(it, struct watched, link)->id == id)
                return container_of(it, struct watched, link);
    return NULL;
}

int rota_watch_remove(rota_watch *w, int id)
{
    struct watched *d = find(w, id);
    if (!d)
        return -ENOENT;
    int wd = d->wd;
    end_watch(w, d);
    if (!is_used(w, wd))
        inotify_rm_watch(w->fd, wd);
    return 0;
}

/* False: it is nothing to be told. */
static bool translate(uint32_t mask, rota_watch_what *what)
{
    static const struct {
        uint32_t bit;
        rota_watch_what what;
    } table[] = {
        { IN_CREATE, ROTA_WATCH_CREATED },
        { IN_MODIFY, ROTA_WATCH_MODIFIED },
        { IN_ATTRIB, ROTA_WATCH_ATTRIBUTES },
        { IN_DELETE, ROTA_WATCH_DELETED },
        { IN_MOVED_FROM, ROTA_WATCH_MOVED_FROM },
        { IN_MOVED_TO, ROTA_WATCH_MOVED_TO },
        { IN_IGNORED, ROTA_WATCH_GONE },
        { IN_Q_OVERFLOW, ROTA_WATCH_OVERFLOW },
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (mask & table[i].bit) {
            *what = table[i].what;
            return true;
        }
    return false;
}

/* The next of ours that the event is for; NULL: it has been told to all. */
static struct watched *next_for(struct rota_watch *w,
                                const struct inotify_event *e, rota_str name)
{
    list_each (it, bucket(w, e->wd)) {
        struct watched *d = container_of(it, struct watched, link);
        if (d->wd == e->wd && d->id > w->told &&
            (!d->name || e->mask & IN_IGNORED ||
             rota_str_eq(rota_str_of(d->name), name)))
            return d;
    }
    return NULL;
}

/* Hands out the event at hand: true, or false: it was for nobody any more. */
static bool hand_out(struct rota_watch *w, const struct inotify_event *e,
                     rota_watch_event *event)
{
    rota_watch_what what;
    if (!translate(e->mask, &what))
        return false;
    rota_str name = rota_str_of(e->len > 0 ? e->name : "");
    bool lost = what == ROTA_WATCH_OVERFLOW;
    struct watched *d = lost ? NULL : next_for(w, e, name);
    if (!d && (!lost || w->told))
        return false;
    *event = (rota_watch_event){
        .id = d ? d->id : 0,
        .what = what,
        .directory = e->mask & IN_ISDIR || (d && name.len == 0),
        .cookie = e->cookie,
        .name = name,
    };
    w->told = d ? d->id : 1;
    if (what == ROTA_WATCH_GONE)
        end_watch(w, d);
    return true;
}

/* Takes an event from the buffer; false: there is none. */
static bool take(struct rota_watch *w, rota_watch_event *event)
{
    while (w->at < w->len) {
        const struct inotify_event *e =
            (const struct inotify_event *)(const void *)(w->buffer + w->at);
        /* A directory of another name is not what was asked for. */
        if (e->mask & IN_MOVE_SELF)
            inotify_rm_watch(w->fd, e->wd);
        if (hand_out(w, e, event))
            return true;
        w->at += sizeof *e + e->len;
        w->told = 0;
    }
    return false;
}

static int wait_for(struct rota_watch *w, struct io_call *c,
                    rota_watch_event *event)
{
    while (!take(w, event)) {
        c->op.kind = OP_READ;
        c->op.data = w->buffer;
        c->op.size = sizeof w->buffer;
        int rc = io_await(c);
        if (rc < 0)
            return rc;
        w->at = 0;
        w->len = (size_t)rc;
    }
    return 0;
}

int rota_watch_next(rota_watch *w, rota_watch_event *event)
{
    struct io_call c;
    int rc = io_begin(&c, w->fd);
    if (rc < 0)
        return rc;
    if (w->reading)
        return io_end(&c, -EBUSY);
    w->reading = true;
    rc = wait_for(w, &c, event);
    w->reading = false;
    return io_end(&c, rc);
}

void rota_watch_close(rota_watch *w)
{
    if (!w)
        return;
    struct rota_task *t = task_current();
    if (!t) {
        rota_ignore(misuse(-EPERM, "rota_watch_close outside of a task"));
        return;
    }
    rota_ignore(io_close(t, w->fd));
    for (int i = 0; i < BUCKETS; i++)
        list_each_safe (it, &w->watched[i])
            end_watch(w, container_of(it, struct watched, link));
    free(w);
}
