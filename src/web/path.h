/*
 * A request's path, made safe once, before anything looks at it: split at the
 * slashes first, each segment then percent-decoded once (so that %2F stays
 * inside its segment), dot segments resolved on the decoded segments. Routing
 * and file lookup see this and never the raw path.
 */
#ifndef WEB_PATH_H
#define WEB_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rota/arena.h"
#include "rota/str.h"

/* Segments that can be asked for one by one. A path may have more; those are
 * reached through path_rest, and no route pattern is as deep. */
enum { PATH_SPANS = 32 };

struct path_span {
    uint16_t at;
    uint16_t len;
};

/* A parsed path. "/a/b/" has two segments and a slash; "/" has none, and a
 * slash. The memory is the raw path's, or the arena's if it was decoded. */
struct path {
    const char *text;                   /* decoded, starts with '/', no NUL */
    uint16_t len;                       /* of text, bytes */
    uint16_t count;                     /* segments, more than spans if deep */
    bool slash;                         /* ends in a slash */
    bool empty;                         /* has an empty segment, as "//" */
    struct path_span spans[PATH_SPANS]; /* of the first segments, in text */
};

/*
 * Parses `raw`, which starts with '/' and has no query (RFC 3986 3.3). A path
 * without '%', "/." and "//" is neither copied nor decoded.
 * Returns 0; -EINVAL: it must be refused (answer 400): no leading slash, a
 * byte that no path has, a bad percent triplet, a decoded control character,
 * invalid UTF-8, or dot segments that climb above the root; -ENAMETOOLONG:
 * over 65535 bytes (answer 414); -ENOMEM.
 */
int path_parse(struct path *p, rota_str raw, rota_arena *a);

/*
 * Percent-decodes one segment into `out` (room for in.len bytes). Unlike in a
 * request, UTF-8 may stand for itself: patterns are written with it.
 * Returns its length, or -EINVAL as path_parse.
 */
int path_decode(char *out, rota_str in);

/* Segment `i`, which is below both count and PATH_SPANS. */
static inline rota_str path_segment(const struct path *p, unsigned i)
{
    return (rota_str){ p->text + p->spans[i].at, p->spans[i].len };
}

/* All from segment `i` (below PATH_SPANS) to the end, slashes included; empty
 * when there is no such segment. */
static inline rota_str path_rest(const struct path *p, unsigned i)
{
    size_t at = i < p->count ? p->spans[i].at : p->len;
    return (rota_str){ p->text + at, p->len - at };
}

/*
 * Writes the path back in its one canonical form, with or without a slash at
 * the end, followed by '?' and `query` when that is not empty: what a
 * Location header holds. `*out` is in the arena.
 * Returns 0; -EINVAL: the path has an empty segment ("//host" would lead to
 * another host) or more than PATH_SPANS segments; -ENOMEM.
 */
int path_location(const struct path *p, bool slash, rota_str query,
                  rota_arena *a, char **out);

/*
 * Joins `root` and `relative` (a decoded path, as path_rest gives) to a file
 * name in the arena; an empty root gives `relative` alone, for
 * path_open_beneath. There is no way out of the folder by name; links are
 * path_open_beneath's matter.
 * Returns 0; -EINVAL: `relative` is empty, begins or ends with '/', has an
 * empty, "." or ".." segment, a NUL or another control character, or a
 * backslash; -ENAMETOOLONG: longer than the system takes; -ENOMEM.
 */
int path_join_safe(rota_arena *a, rota_str root, rota_str relative, char **out);

/*
 * Opens `name` below the folder `dirfd`; no link and no ".." leads out of it.
 * By openat2(2), or, where that is missing, component by component, and then
 * no link is followed at all. `flags` are open(2)'s, without creation;
 * O_CLOEXEC is added. Give O_NONBLOCK, or a FIFO may block for ever.
 * Returns the descriptor; -EXDEV, -ELOOP (or -ENOTDIR, in the fallback): a link
 * leads out (answer 404);
 * -EINVAL: creation was asked for, or a name path_join_safe refuses (fallback
 * only); or what open(2) says, negative.
 * Suspends: no (blocks on the disk: call it in a thread).
 */
int path_open_beneath(int dirfd, const char *name, int flags);

#endif
