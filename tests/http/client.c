/*
 * The client: bytes out as told, responses in by the letter.
 */
#include "client.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test.h"

enum {
    PATIENCE_MS = 60 * 1000, /* for anything that must come */
    SILENCE_MS = 150,
    ROOM = 4096,
    NARROW = 4096,
};

void client_close(struct client *c)
{
    close(c->fd);
    free(c->in);
    *c = (struct client){ .fd = -1 };
}

static bool try_with(struct client *c, int port, int room)
{
    struct sockaddr_in a = { .sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int on = 1;
    *c =
        (struct client){ .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
    CHECK(c->fd >= 0);
    if (room) /* before a window was announced: that cannot be taken back */
        setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    if (connect(c->fd, (struct sockaddr *)&a, sizeof a) == 0) {
        setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        return true;
    }
    if (errno != ECONNREFUSED)
        test_fail(TEST_AT, "connect: %s", strerror(errno));
    client_close(c);
    return false;
}

bool client_try(struct client *c, int port)
{
    return try_with(c, port, 0);
}

void client_open(struct client *c, int port)
{
    CHECK(client_try(c, port));
}

void client_open_narrow(struct client *c, int port)
{
    CHECK(try_with(c, port, NARROW));
}

bool client_send(struct client *c, const void *bytes, size_t n)
{
    const char *p = bytes;
    while (n > 0) {
        ssize_t sent = send(c->fd, p, n, MSG_NOSIGNAL);
        if (sent < 0)
            return false;
        p += sent;
        n -= (size_t)sent;
    }
    return true;
}

bool client_say(struct client *c, const char *text)
{
    return client_send(c, text, strlen(text));
}

void client_get(struct client *c, const char *path)
{
    char text[128];
    snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path);
    CHECK(client_say(c, text));
}

void client_shut(struct client *c)
{
    CHECK_INT(shutdown(c->fd, SHUT_WR), 0);
}

void client_reset(struct client *c)
{
    struct linger hard = { .l_onoff = 1, .l_linger = 0 };
    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    client_close(c);
}

/* Waits for more: what recv says, or 0 on time out when that is allowed. */
static ssize_t receive_most(struct client *c, int patience, size_t most)
{
    struct pollfd p = { .fd = c->fd, .events = POLLIN };
    if (c->size - c->len < ROOM) {
        c->size = c->size ? c->size * 2 : 2 * ROOM;
        c->in = realloc(c->in, c->size);
        CHECK(c->in != NULL);
    }
    if (poll(&p, 1, patience) == 0) {
        if (patience == PATIENCE_MS)
            test_fail(TEST_AT, "nothing came from the server");
        return -EAGAIN;
    }
    size_t room = c->size - c->len;
    ssize_t n = recv(c->fd, c->in + c->len, room < most ? room : most, 0);
    if (n < 0)
        return -errno;
    c->len += (size_t)n;
    return n;
}

static ssize_t receive(struct client *c, int patience)
{
    return receive_most(c, patience, SIZE_MAX);
}

/* One more piece must come. */
static void more(struct client *c)
{
    ssize_t n = receive(c, PATIENCE_MS);
    if (n <= 0)
        test_fail(TEST_AT, "the connection ended (%s) behind \"%.*s\"",
                  n < 0 ? strerror((int)-n) : "closed", (int)c->len, c->in);
}

static void take(struct client *c, size_t n)
{
    c->len -= n;
    memmove(c->in, c->in + n, c->len);
}

/* ------------------------------------------------------------ header lines */

/* The next header line, from *at, without its CRLF; false at the end. */
static bool next_line(const char **at, const char **line, size_t *len)
{
    const char *end = strstr(*at, "\r\n");
    if (!end)
        return false;
    *line = *at;
    *len = (size_t)(end - *at);
    *at = end + 2;
    return true;
}

static unsigned count_header(const struct reply *r, const char *name, char *out,
                             size_t size)
{
    const char *at = strstr(r->head, "\r\n") + 2, *line;
    size_t len, name_len = strlen(name);
    unsigned count = 0;
    while (next_line(&at, &line, &len)) {
        if (len <= name_len || line[name_len] != ':' ||
            strncasecmp(line, name, name_len) != 0)
            continue;
        size_t value = len - name_len - 2;
        CHECK(value < size);
        memcpy(out, line + name_len + 2, value);
        out[value] = '\0';
        count++;
    }
    return count;
}

bool reply_header(const struct reply *r, const char *name, char *out,
                  size_t size)
{
    unsigned n = count_header(r, name, out, size);
    if (n > 1)
        test_fail(TEST_AT, "%u lines of %s in \"%s\"", n, name, r->head);
    return n == 1;
}

/* "Name: value", the name a token, the value without controls. */
static void check_line(const char *line, size_t len)
{
    size_t i = 0;
    while (i < len && (isalnum((unsigned char)line[i]) || line[i] == '-'))
        i++;
    if (i == 0 || i + 1 >= len || line[i] != ':' || line[i + 1] != ' ')
        test_fail(TEST_AT, "no header line: \"%.*s\"", (int)len, line);
    for (i += 2; i < len; i++)
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
            test_fail(TEST_AT, "a control in \"%.*s\"", (int)len, line);
}

static void check_lines(const struct reply *r)
{
    const char *at = r->head, *line;
    size_t len;
    CHECK(next_line(&at, &line, &len)); /* the status line */
    while (next_line(&at, &line, &len))
        check_line(line, len);
}

static void check_date(const struct reply *r)
{
    char date[64];
    CHECK(reply_header(r, "Date", date, sizeof date));
    CHECK_INT(strlen(date), sizeof "Sun, 06 Nov 1994 08:49:37 GMT" - 1);
    CHECK_HAS(date, " GMT");
}

static void read_status(struct reply *r)
{
    const char *s = r->head;
    if (strncmp(s, "HTTP/1.1 ", 9) != 0 || !isdigit((unsigned char)s[9]) ||
        !isdigit((unsigned char)s[10]) || !isdigit((unsigned char)s[11]) ||
        s[12] != ' ' || !isupper((unsigned char)s[13]))
        test_fail(TEST_AT, "no status line: \"%.40s\"", s);
    r->status = atoi(s + 9);
}

static void read_framing(struct reply *r)
{
    char value[64];
    r->counted = reply_header(r, "Content-Length", value, sizeof value);
    if (r->counted) {
        CHECK(value[0] && strspn(value, "0123456789") == strlen(value));
        r->announced = strtoul(value, NULL, 10);
    }
    r->chunked = reply_header(r, "Transfer-Encoding", value, sizeof value);
    if (r->chunked)
        CHECK_STR(value, "chunked");
    CHECK(!r->counted || !r->chunked);
    r->close = reply_header(r, "Connection", value, sizeof value) &&
               strcmp(value, "close") == 0;
    if (r->status == 204 || r->status < 200)
        CHECK(!r->counted && !r->chunked);
}

static void read_head(struct client *c, struct reply *r)
{
    char *end;
    while (!c->in || !(end = memmem(c->in, c->len, "\r\n\r\n", 4)))
        more(c);
    size_t len = (size_t)(end - c->in) + 2;
    CHECK(len < sizeof r->head);
    memcpy(r->head, c->in, len);
    r->head[len] = '\0';
    CHECK_INT(strlen(r->head), len); /* no NUL */
    take(c, len + 2);
    read_status(r);
    check_lines(r);
    read_framing(r);
    if (r->status >= 200)
        check_date(r);
}

/* -------------------------------------------------------------- the body */

static void add(struct reply *r, const char *bytes, size_t n)
{
    if (r->len + n + 1 > r->room) {
        r->room = 2 * (r->len + n + 1);
        r->body = realloc(r->body, r->room);
        CHECK(r->body != NULL);
    }
    memcpy(r->body + r->len, bytes, n);
    r->len += n;
    r->body[r->len] = '\0';
}

static void read_counted(struct client *c, struct reply *r, size_t n)
{
    while (c->len < n)
        more(c);
    add(r, c->in, n);
    take(c, n);
}

static void read_crlf(struct client *c)
{
    while (c->len < 2)
        more(c);
    CHECK(memcmp(c->in, "\r\n", 2) == 0);
    take(c, 2);
}

/* "1a\r\n": the size, with nothing around it. */
static size_t read_chunk_size(struct client *c)
{
    char *end;
    while (!(end = memmem(c->in, c->len, "\r\n", 2)))
        more(c);
    size_t digits = (size_t)(end - c->in), n = 0;
    CHECK(digits > 0 && digits <= 8);
    for (size_t i = 0; i < digits; i++) {
        CHECK(isxdigit((unsigned char)c->in[i]));
        n = n * 16 + strtoul((char[]){ c->in[i], '\0' }, NULL, 16);
    }
    take(c, digits + 2);
    return n;
}

static void read_chunks(struct client *c, struct reply *r)
{
    size_t n;
    while ((n = read_chunk_size(c)) > 0) {
        read_counted(c, r, n);
        read_crlf(c);
    }
    read_crlf(c);
}

static void read_to_end(struct client *c, struct reply *r)
{
    ssize_t n;
    while ((n = receive(c, PATIENCE_MS)) > 0)
        ;
    CHECK_INT(n, 0);
    r->to_end = true;
    add(r, c->in ? c->in : "", c->len);
    take(c, c->len);
}

void client_read(struct client *c, struct reply *r, int body)
{
    *r = (struct reply){ 0 };
    read_head(c, r);
    if (body == REPLY_BODY_NEVER || r->status < 200 || r->status == 204 ||
        r->status == 304)
        add(r, "", 0);
    else if (r->counted)
        read_counted(c, r, r->announced);
    else if (r->chunked)
        read_chunks(c, r);
    else
        read_to_end(c, r);
}

void reply_free(struct reply *r)
{
    free(r->body);
    r->body = NULL;
}

/* ----------------------------------------------------------- expectations */

void client_want(struct client *c, int status)
{
    struct reply r;
    client_read(c, &r, REPLY_BODY_ALWAYS);
    if (r.status != status)
        test_fail(TEST_AT, "status %d, not %d: %s", r.status, status, r.body);
    reply_free(&r);
}

void client_want_body(struct client *c, int status, const char *body)
{
    struct reply r;
    client_read(c, &r, REPLY_BODY_ALWAYS);
    CHECK_INT(r.status, status);
    CHECK_STR(r.body, body);
    reply_free(&r);
}

void client_want_some(struct client *c)
{
    more(c);
}

void client_sip(struct client *c, size_t most)
{
    CHECK(receive_most(c, PATIENCE_MS, most) > 0);
}

void client_want_end(struct client *c)
{
    ssize_t n = c->len > 0 ? 1 : receive(c, PATIENCE_MS);
    if (n > 0)
        test_fail(TEST_AT, "more came: \"%.*s\"", (int)c->len, c->in);
    CHECK(n == 0 || n == -ECONNRESET);
}

void client_want_reset(struct client *c)
{
    ssize_t n;
    while ((n = receive(c, PATIENCE_MS)) > 0)
        ;
    CHECK_INT(n, -ECONNRESET);
}

void client_want_alive(struct client *c)
{
    client_get(c, "/alive");
    client_want_body(c, 200, "GET /alive");
}

void client_want_silence(struct client *c)
{
    ssize_t n = c->len > 0 ? 1 : receive(c, SILENCE_MS);
    if (n != -EAGAIN)
        test_fail(TEST_AT, "not silent: %zd \"%.*s\"", n, (int)c->len, c->in);
}

void client_ask(int port, const char *request, struct reply *r)
{
    struct client c;
    client_open(&c, port);
    CHECK(client_say(&c, request));
    client_read(&c, r,
                strncmp(request, "HEAD ", 5) == 0 ? REPLY_BODY_NEVER
                                                  : REPLY_BODY_ALWAYS);
    client_close(&c);
}
