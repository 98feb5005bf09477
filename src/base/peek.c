/*
 * A process is read by process_vm_readv, which reports an address that is not
 * mapped instead of faulting, and by its /proc/PID/maps.
 */
#include "base/peek.h"

#include <fcntl.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/text.h"

enum { MAPS_BUFFER = 1024, PAGE = 4096 };

static bool process_read(struct peek *p, uint64_t at, void *to, size_t n)
{
    struct iovec here = { to, n }, there = { (void *)(uintptr_t)at, n };
    return process_vm_readv(p->pid, &here, 1, &there, 1, 0) == (ssize_t)n;
}

/* /proc/PID/maps, a character at a time. */
struct maps {
    int fd;
    size_t at, filled;
    char buffer[MAPS_BUFFER];
};

static int next_char(struct maps *m)
{
    if (m->at == m->filled) {
        ssize_t n = read(m->fd, m->buffer, sizeof m->buffer);
        if (n <= 0)
            return -1;
        m->filled = (size_t)n;
        m->at = 0;
    }
    return (unsigned char)m->buffer[m->at++];
}

static int hex_digit(int c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A hexadecimal number and the character behind it. */
static uint64_t next_hex(struct maps *m)
{
    uint64_t n = 0;
    for (int digit; (digit = hex_digit(next_char(m))) >= 0;)
        n = n * 16 + (unsigned)digit;
    return n;
}

/* All up to the next space. */
static void skip_word(struct maps *m)
{
    int c;
    while ((c = next_char(m)) >= 0 && c != ' ')
        ;
}

/* "start-end rwxp offset device inode   path\n"; false at the end. */
static bool next_map(struct maps *m, struct peek_map *out)
{
    out->start = next_hex(m);
    out->end = next_hex(m);
    skip_word(m);
    out->offset = next_hex(m);
    skip_word(m);
    size_t n = 0;
    int c;
    while ((c = next_char(m)) >= '0' && c <= '9')
        ;
    while (c == ' ')
        c = next_char(m);
    for (; c >= 0 && c != '\n'; c = next_char(m))
        if (n < sizeof out->path - 1)
            out->path[n++] = (char)c;
    out->path[n] = '\0';
    if (out->path[0] != '/')
        out->path[0] = '\0';
    return out->end > 0;
}

static void proc_path(char *to, size_t size, pid_t pid, const char *name)
{
    struct text t;
    text_init(&t, -1);
    text_add(&t, "/proc/");
    text_add_number(&t, (uint64_t)pid);
    text_add(&t, name);
    memcpy(to, text_string(&t), t.len + 1 < size ? t.len + 1 : size);
}

static bool process_map(struct peek *p, uint64_t at, struct peek_map *out)
{
    char path[32];
    proc_path(path, sizeof path, p->pid, "/maps");
    struct maps m = { .fd = open(path, O_RDONLY | O_CLOEXEC) };
    if (m.fd < 0)
        return false;
    bool found;
    while ((found = next_map(&m, out)) && out->end <= at)
        ;
    close(m.fd);
    return found;
}

void peek_process(struct peek *p, pid_t pid)
{
    *p = (struct peek){ .read = process_read, .map = process_map, .pid = pid };
    if (pid != getpid())
        proc_path(p->root_path, sizeof p->root_path, pid, "/root");
    p->root = p->root_path;
}

bool peek_string(struct peek *p, uint64_t at, char *to, size_t size)
{
    size_t got = 0;
    to[0] = '\0';
    while (got < size - 1) {
        /* The next page need not be there. */
        size_t n = PAGE - at % PAGE;
        if (n > size - 1 - got)
            n = size - 1 - got;
        if (!p->read(p, at, to + got, n)) {
            to[0] = '\0';
            return false;
        }
        if (memchr(to + got, '\0', n))
            return true;
        got += n;
        at += n;
    }
    to[got] = '\0';
    return true;
}

bool peek_word(struct peek *p, uint64_t at, uint64_t *to)
{
    return p->read(p, at, to, sizeof *to);
}
