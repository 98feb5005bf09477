/*
 * Variants of requests on connections of their own.
 */
#include "wire.h"

#include <stdio.h>
#include <time.h>

static const char *shown(const struct variant *v)
{
    static char text[1200];
    size_t at = 0;
    for (size_t i = 0; i < v->len && at + 8 < sizeof text; i++) {
        unsigned char b = (unsigned char)v->bytes[i];
        if (b < ' ' || b >= 0x7f)
            at += (size_t)sprintf(text + at, "\\x%02x", b);
        else
            text[at++] = (char)b;
    }
    text[at] = '\0';
    return text;
}

static void send_split(struct client *c, const struct variant *v, size_t piece)
{
    for (size_t at = 0; at < v->len; at += piece) {
        size_t n = v->len - at < piece ? v->len - at : piece;
        client_send(c, v->bytes + at, n);
    }
}

/* One answer of the right status; what it says of the connection. */
static bool answered(struct client *c, const struct variant *v)
{
    struct reply r;
    client_read(c, &r,
                strncmp(v->bytes, "HEAD ", 5) == 0 ? REPLY_BODY_NEVER
                                                   : REPLY_BODY_ALWAYS);
    if (r.status != v->status)
        test_fail(TEST_AT, "status %d, not %d, for %s", r.status, v->status,
                  shown(v));
    reply_free(&r);
    return r.close;
}

static void refuse(struct process *p, const struct variant *v, size_t piece)
{
    struct client c;
    client_open(&c, p->port);
    send_split(&c, v, piece);
    client_say(&c, AFTER);
    if (!answered(&c, v))
        test_fail(TEST_AT, "the connection goes on after %s", shown(v));
    client_want_end(&c);
    client_close(&c);
}

void wire_refuse(struct process *p, const struct variant *v, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        refuse(p, &v[i], v[i].len);
        refuse(p, &v[i], 1);
    }
    CHECK(!strstr(process_log(p), "what stood behind an error was served"));
}

static void accept_split(struct process *p, const struct variant *v,
                         size_t piece)
{
    struct client c;
    client_open(&c, p->port);
    send_split(&c, v, piece);
    if (answered(&c, v))
        test_fail(TEST_AT, "the connection ends after %s", shown(v));
    client_want_alive(&c);
    client_close(&c);
}

void wire_accept(struct process *p, const struct variant *v, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        accept_split(p, &v[i], v[i].len);
        accept_split(p, &v[i], 1);
    }
}

void wire_nap(long ms)
{
    struct timespec t = { ms / 1000, ms % 1000 * 1000000 };
    nanosleep(&t, NULL);
}
