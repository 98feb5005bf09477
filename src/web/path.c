/*
 * Request paths. One pass splits and checks a plain path where it lies; the
 * first byte that needs more (an escape, a segment that begins with a dot, an
 * empty one) sends the whole path through the careful pass, which writes the
 * decoded segments one after another into the arena.
 */
#include "web/path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

enum byte_class { REFUSED, PLAIN, SLASH, ESCAPE, HIGH };

/* RFC 3986 3.3 has fewer bytes in a path; these few more ('|', '^', braces,
 * quotes) are sent raw by browsers and are harmless. Backslash is not. */
static const uint8_t classes[256] = {
    ['!' ... '"'] = PLAIN, ['$'] = PLAIN,         ['%'] = ESCAPE,
    ['&' ... '.'] = PLAIN, ['/'] = SLASH,         ['0' ... '>'] = PLAIN,
    ['@' ... '['] = PLAIN, [']' ... '~'] = PLAIN, [0x80 ... 0xff] = HIGH,
};

static uint8_t class_of(char c)
{
    return classes[(unsigned char)c];
}

static void add_span(struct path *p, size_t begin, size_t end)
{
    if (p->count < PATH_SPANS)
        p->spans[p->count] =
            (struct path_span){ (uint16_t)begin, (uint16_t)(end - begin) };
    p->count++;
}

/* Checks the raw bytes, and splits a path that needs no decoding. 1: done;
 * 0: it does need it. */
static int split_plain(struct path *p, rota_str raw)
{
    bool plain = true;
    size_t begin = 1;
    for (size_t i = 1; i < raw.len; i++) {
        uint8_t class = class_of(raw.ptr[i]);
        if (class == PLAIN)
            continue;
        if (class == REFUSED || class == HIGH)
            return -EINVAL;
        if (class == ESCAPE || i == begin || raw.ptr[begin] == '.')
            plain = false;
        if (class == ESCAPE)
            continue;
        add_span(p, begin, i);
        begin = i + 1;
    }
    p->slash = begin == raw.len;
    if (!p->slash && raw.ptr[begin] == '.')
        plain = false;
    if (!p->slash)
        add_span(p, begin, raw.len);
    return plain;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    char lower = c | 0x20;
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* Bytes of the UTF-8 character (RFC 3629 4) at `s`, of `len` left; 0: none.
 * The second byte's range is what rules out overlong forms, surrogates, and
 * all beyond U+10FFFF. */
static size_t utf8_step(const unsigned char *s, size_t len)
{
    if (s[0] < 0x80)
        return 1;
    size_t n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    if (s[0] < 0xc2 || s[0] > 0xf4 || n > len)
        return 0;
    unsigned low = s[0] == 0xe0 ? 0xa0 : s[0] == 0xf0 ? 0x90 : 0x80;
    unsigned high = s[0] == 0xed ? 0x9f : s[0] == 0xf4 ? 0x8f : 0xbf;
    if (s[1] < low || s[1] > high)
        return 0;
    for (size_t i = 2; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    return n;
}

static bool utf8_valid(const char *s, size_t len)
{
    const unsigned char *at = (const unsigned char *)s, *end = at + len;
    while (at < end) {
        size_t n = utf8_step(at, (size_t)(end - at));
        if (n == 0)
            return false;
        at += n;
    }
    return true;
}

static bool is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f;
}

/* The byte that the triplet at in.ptr[i] stands for; -1: it is none. */
static int triplet_value(rota_str in, size_t i)
{
    if (in.len - i < 3)
        return -1;
    int high = hex_value(in.ptr[i + 1]), low = hex_value(in.ptr[i + 2]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

int path_decode(char *out, rota_str in)
{
    size_t n = 0;
    for (size_t i = 0; i < in.len; i++) {
        char c = in.ptr[i];
        uint8_t class = class_of(c);
        if (class == ESCAPE) {
            int value = triplet_value(in, i);
            if (value < 0 || is_control((char)value))
                return -EINVAL;
            c = (char)value;
            i += 2;
        } else if (class != PLAIN && class != HIGH) {
            return -EINVAL;
        }
        out[n++] = c;
    }
    return utf8_valid(out, n) ? (int)n : -EINVAL;
}

static bool is_dot(const char *s, size_t len)
{
    return len == 1 && s[0] == '.';
}

static bool is_dot_dot(const char *s, size_t len)
{
    return len == 2 && s[0] == '.' && s[1] == '.';
}

/* The careful pass under way: what is written so far. */
struct decoder {
    char *out;               /* room for the raw path */
    size_t len;              /* bytes of out in use */
    struct path_span *spans; /* of all segments, however many */
    size_t count;
    bool slash; /* what was read last leaves a slash at the end */
};

/* Adds one raw segment; `last`: nothing follows it (RFC 3986 5.2.4). */
static int decode_segment(struct decoder *d, rota_str segment, bool last)
{
    char *to = d->out + d->len + 1;
    int n = path_decode(to, segment);
    if (n < 0)
        return n;
    d->slash = last;
    if ((last && n == 0) || is_dot(to, (size_t)n))
        return 0;
    if (is_dot_dot(to, (size_t)n)) {
        if (d->count == 0)
            return -EINVAL;
        d->len = d->spans[--d->count].at - 1u;
        return 0;
    }
    d->slash = false;
    d->out[d->len] = '/';
    d->spans[d->count++] =
        (struct path_span){ (uint16_t)(d->len + 1), (uint16_t)n };
    d->len += (size_t)n + 1;
    return 0;
}

static int decode_segments(struct decoder *d, rota_str raw)
{
    for (size_t at = 1; at <= raw.len;) {
        const char *end =
            at < raw.len ? memchr(raw.ptr + at, '/', raw.len - at) : NULL;
        size_t stop = end ? (size_t)(end - raw.ptr) : raw.len;
        rota_str segment = { raw.ptr + at, stop - at };
        int rc = decode_segment(d, segment, !end);
        if (rc < 0)
            return rc;
        at = stop + 1;
    }
    return 0;
}

static size_t count_slashes(rota_str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++)
        n += s.ptr[i] == '/';
    return n;
}

static int split_decoded(struct path *p, rota_str raw, rota_arena *a)
{
    struct decoder d = { 0 };
    d.out = rota_arena_alloc(a, raw.len);
    d.spans = rota_arena_alloc(a, count_slashes(raw) * sizeof *d.spans);
    if (!d.out || !d.spans)
        return -ENOMEM;
    int rc = decode_segments(&d, raw);
    if (rc < 0)
        return rc;
    if (d.slash)
        d.out[d.len++] = '/';
    *p = (struct path){ .text = d.out,
                        .len = (uint16_t)d.len,
                        .slash = d.slash };
    for (size_t i = 0; i < d.count; i++) {
        add_span(p, d.spans[i].at, d.spans[i].at + (size_t)d.spans[i].len);
        p->empty |= d.spans[i].len == 0;
    }
    return 0;
}

int path_parse(struct path *p, rota_str raw, rota_arena *a)
{
    p->text = raw.ptr;
    p->len = (uint16_t)raw.len;
    p->count = 0;
    p->slash = p->empty = false;
    if (raw.len > UINT16_MAX)
        return -ENAMETOOLONG;
    if (raw.len == 0 || raw.ptr[0] != '/')
        return -EINVAL;
    int rc = split_plain(p, raw);
    if (rc < 0)
        return rc;
    return rc > 0 ? 0 : split_decoded(p, raw, a);
}

/* May stand for itself in a segment (RFC 3986 3.3 pchar). */
static bool is_pchar(char c)
{
    char lower = c | 0x20;
    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') ||
           (c && strchr("-._~!$&'()*+,;=:@", c));
}

static char *encode_segment(char *out, rota_str segment)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < segment.len; i++) {
        unsigned char c = (unsigned char)segment.ptr[i];
        if (is_pchar((char)c)) {
            *out++ = (char)c;
            continue;
        }
        *out++ = '%';
        *out++ = digits[c >> 4];
        *out++ = digits[c & 15];
    }
    return out;
}

int path_location(const struct path *p, bool slash, rota_str query,
                  rota_arena *a, char **out)
{
    if (p->empty || p->count > PATH_SPANS)
        return -EINVAL;
    size_t most = (size_t)p->len * 3 + query.len + sizeof "/?";
    char *at = rota_arena_alloc(a, most);
    if (!at)
        return -ENOMEM;
    *out = at;
    for (unsigned i = 0; i < p->count; i++) {
        *at++ = '/';
        at = encode_segment(at, path_segment(p, i));
    }
    if (slash || p->count == 0)
        *at++ = '/';
    if (query.len > 0) {
        *at++ = '?';
        memcpy(at, query.ptr, query.len);
        at += query.len;
    }
    *at = '\0';
    return 0;
}

static int check_file_segment(const char *s, size_t len)
{
    if (len == 0 || is_dot(s, len) || is_dot_dot(s, len))
        return -EINVAL;
    for (size_t i = 0; i < len; i++)
        if (is_control(s[i]) || s[i] == '\\')
            return -EINVAL;
    return len > NAME_MAX ? -ENAMETOOLONG : 0;
}

static int check_file_name(rota_str name)
{
    for (size_t at = 0; at <= name.len;) {
        const char *end =
            at < name.len ? memchr(name.ptr + at, '/', name.len - at) : NULL;
        size_t stop = end ? (size_t)(end - name.ptr) : name.len;
        int rc = check_file_segment(name.ptr + at, stop - at);
        if (rc < 0)
            return rc;
        at = stop + 1;
    }
    return 0;
}

int path_join_safe(rota_arena *a, rota_str root, rota_str relative, char **out)
{
    int rc = relative.len > 0 ? check_file_name(relative) : -EINVAL;
    if (rc < 0)
        return rc;
    bool between = root.len > 0 && root.ptr[root.len - 1] != '/';
    if (relative.len >= PATH_MAX || root.len >= PATH_MAX - relative.len - 1)
        return -ENAMETOOLONG;
    char *at = rota_arena_alloc(a, root.len + between + relative.len + 1);
    if (!at)
        return -ENOMEM;
    *out = at;
    if (root.len > 0)
        memcpy(at, root.ptr, root.len);
    at += root.len;
    if (between)
        *at++ = '/';
    memcpy(at, relative.ptr, relative.len);
    at[relative.len] = '\0';
    return 0;
}

/* One component below `dirfd`, its name given by length. */
static int open_component(int dirfd, const char *name, size_t len, int flags)
{
    char component[NAME_MAX + 1];
    memcpy(component, name, len);
    component[len] = '\0';
    int fd = openat(dirfd, component, flags | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* openat2 in user space, stricter: it follows no link. */
static int open_by_walk(int dirfd, const char *name, int flags)
{
    int rc = check_file_name(rota_str_of(name));
    if (rc < 0)
        return rc;
    int at = dirfd;
    for (;;) {
        size_t len = strcspn(name, "/");
        bool last = name[len] == '\0';
        int fd =
            open_component(at, name, len, last ? flags : O_PATH | O_DIRECTORY);
        if (at != dirfd)
            close(at);
        if (fd < 0 || last)
            return fd;
        at = fd;
        name += len + 1;
    }
}

int path_open_beneath(int dirfd, const char *name, int flags)
{
    /* EAGAIN: something was renamed while the kernel looked; each try has a
     * new chance, and somebody who renames for ever gets the refusal. */
    enum { TRIES = 16 };
    if (flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY)))
        return -EINVAL;
    struct open_how how = {
        .flags = (unsigned)flags | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
    };
    for (int i = 0; i < TRIES; i++) {
        long fd = syscall(SYS_openat2, dirfd, name, &how, sizeof how);
        if (fd >= 0)
            return (int)fd;
        /* EPERM: how older seccomp profiles refuse a call they don't know. */
        if (errno == ENOSYS || errno == EPERM)
            return open_by_walk(dirfd, name, flags);
        if (errno != EAGAIN && errno != EINTR)
            return -errno;
    }
    return -EAGAIN;
}
