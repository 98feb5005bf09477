/*
 * Reports made where neither stdio nor malloc may be called.
 */
#include "base/text.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

void text_init(struct text *t, int fd)
{
    t->fd = fd;
    t->len = 0;
}

void text_flush(struct text *t)
{
    size_t done = 0;
    while (done < t->len) {
        ssize_t n = write(t->fd, t->bytes + done, t->len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break; /* there is nowhere left to say it */
        done += (size_t)n;
    }
    t->len = 0;
}

void text_add_bytes(struct text *t, const char *s, size_t n)
{
    while (n > 0) {
        size_t room = sizeof t->bytes - 1 - t->len;
        if (room == 0) {
            if (t->fd < 0)
                return;
            text_flush(t);
            continue;
        }
        size_t part = n < room ? n : room;
        memcpy(t->bytes + t->len, s, part);
        t->len += part;
        s += part;
        n -= part;
    }
}

void text_add(struct text *t, const char *s)
{
    text_add_bytes(t, s, strlen(s));
}

void text_add_number(struct text *t, uint64_t n)
{
    char digits[24], *p = digits + sizeof digits;
    *--p = '\0';
    do
        *--p = (char)('0' + n % 10);
    while (n /= 10);
    text_add(t, p);
}

void text_add_hex(struct text *t, uint64_t n, unsigned digits)
{
    char hex[24], *p = hex + sizeof hex;
    *--p = '\0';
    for (; n || digits > 0; n /= 16, digits -= digits > 0)
        *--p = "0123456789abcdef"[n % 16];
    text_add(t, "0x");
    text_add(t, *p ? p : "0");
}

void text_add_duration(struct text *t, int64_t ns)
{
    static const struct {
        int64_t ns;
        const char *name;
    } units[] = { { 1000000000, " s" }, { 1000000, " ms" }, { 0, " us" } };
    const size_t last = sizeof units / sizeof *units - 1;
    size_t i = 0;
    if (ns < 0)
        ns = 0;
    while (i < last && ns < units[i].ns)
        i++;
    int64_t tenth = (i < last ? units[i].ns : 1000) / 10;
    text_add_number(t, (uint64_t)(ns / tenth / 10));
    text_add(t, ".");
    text_add_number(t, (uint64_t)(ns / tenth % 10));
    text_add(t, units[i].name);
}

const char *text_string(struct text *t)
{
    t->bytes[t->len] = '\0';
    return t->bytes;
}
