/*
 * The messages of the differential test: good requests, and for each kind of
 * mistake on the checklist the good ones with that mistake made in them, at
 * every place where it can be made.
 */
#include <dirent.h>
#include <stdlib.h>

#include "differential.h"
#include "test.h"

#define COUNT_OF(table) (sizeof(table) / sizeof *(table))

enum { MESSAGE_ROOM = 16384 };

struct text {
    const char *ptr;
    size_t len;
};

#define TEXT(literal)                   \
    {                                   \
        "" literal, sizeof(literal) - 1 \
    }

static const struct text good[] = {
    TEXT("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    TEXT("GET /p/q?x=1&y=%20 HTTP/1.1\r\nHost: a:80\r\nAccept: */*\r\n\r\n"),
    TEXT("POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"),
    TEXT("POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
         "5\r\nhello\r\n3;a=b\r\nabc\r\n0\r\nX: y\r\n\r\n"),
    TEXT("OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
    TEXT("HEAD http://a/b HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n"
         "\r\n"),
    TEXT("DELETE /p HTTP/1.1\r\nHost: [::1]:8\r\nContent-Length: 0\r\n\r\n"),
    TEXT("PUT /p HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
         "Content-Length: 2\r\n\r\nok"),
    TEXT("PATCH /p HTTP/1.1\r\nHost: a\r\nX-Empty:\r\nX-Obs: \xe9\r\n"
         "content-length:1 \r\n\r\nz"),
};

/* Sends a message with `len` bytes at `at` replaced by others. */
static void send_edited(const char *label, struct text m, size_t at, size_t len,
                        struct text by, void (*take)(const struct message *m))
{
    char text[MESSAGE_ROOM];
    CHECK(m.len + by.len <= sizeof text);
    memcpy(text, m.ptr, at);
    memcpy(text + at, by.ptr, by.len);
    memcpy(text + at + by.len, m.ptr + at + len, m.len - at - len);
    struct message edited = { label, text, m.len - len + by.len };
    take(&edited);
}

static void each_good(void (*take)(const struct message *m))
{
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        struct message m = { "good", good[i].ptr, good[i].len };
        take(&m);
    }
}

/* Every line end of every good message as something else. */
static void each_line_end(void (*take)(const struct message *m))
{
    static const struct text others[] = {
        TEXT("\n"),    TEXT("\r"),     TEXT("\n\r"),     TEXT("\r\r\n"),
        TEXT("\r\n "), TEXT("\r\n\t"), TEXT(" \r\n"),    TEXT("\t\r\n"),
        TEXT(""),      TEXT("\0\r\n"), TEXT("\r\n\r\n"), TEXT("\n\n"),
    };
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        for (size_t at = 0; at + 1 < good[i].len; at++) {
            if (memcmp(good[i].ptr + at, "\r\n", 2) != 0)
                continue;
            for (size_t j = 0; j < COUNT_OF(others); j++)
                send_edited("line end", good[i], at, 2, others[j], take);
        }
    }
}

/* A byte of every awkward sort put in at every place, and in place of the byte
 * there. */
static void each_byte(void (*take)(const struct message *m))
{
    static const char bytes[] = "\0\x01\x08\t\n\v\f\r \x1f\"#%(),:;<>=?@[\\]^_`"
                                "{|}\x7f\x80\xff+-.0aA*/'";
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        for (size_t at = 0; at <= good[i].len; at++) {
            for (size_t j = 0; j + 1 < sizeof bytes; j++) {
                struct text one = { bytes + j, 1 };
                send_edited("byte put in", good[i], at, 0, one, take);
                if (at < good[i].len)
                    send_edited("byte changed", good[i], at, 1, one, take);
            }
        }
    }
}

static void each_cut(void (*take)(const struct message *m))
{
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        for (size_t len = 0; len < good[i].len; len++) {
            struct message m = { "cut short", good[i].ptr, len };
            take(&m);
        }
    }
    struct message unknown = { "cut short", "BREW / HTTP/1.1", 15 };
    for (; unknown.len > 0; unknown.len--)
        take(&unknown);
}

static const char *const request_lines[] = {
    "GET / HTTP/1.1",
    "GET  / HTTP/1.1",
    "GET /  HTTP/1.1",
    "GET\t/ HTTP/1.1",
    "GET / HTTP/1.1 ",
    "GET /",
    "GET",
    "GET / ",
    "GET / HTTP/1.2",
    "GET / HTTP/2.0",
    "GET / HTTP/0.9",
    "GET / HTTP/9.9",
    "GET / HTTP/1",
    "GET / HTTP/1.",
    "GET / HTTP/01.1",
    "GET / http/1.1",
    "GET / HTTP/1 .1",
    "GET / HTTP/1.10",
    "get / HTTP/1.1",
    "BREW / HTTP/1.1",
    "PROPFIND / HTTP/1.1",
    "M-SEARCH / HTTP/1.1",
    "CONNECT a:443 HTTP/1.1",
    "TRACE / HTTP/1.1",
    "SOURCE / ICE/1.0",
    "PRI * HTTP/2.0",
    "GET * HTTP/1.1",
    "OPTIONS * HTTP/1.1",
    "OPTIONS *a HTTP/1.1",
    "GET a HTTP/1.1",
    "GET a:80 HTTP/1.1",
    "GET http://a/ HTTP/1.1",
    "GET http://b/ HTTP/1.1",
    "GET http://u@a/ HTTP/1.1",
    "GET http:///a HTTP/1.1",
    "GET http://a HTTP/1.1",
    "GET ftp://a/ HTTP/1.1",
    "GET //a HTTP/1.1",
    "GET /../a HTTP/1.1",
    "GET /%2e%2e HTTP/1.1",
    "GET /%00 HTTP/1.1",
    "GET /%zz HTTP/1.1",
    "GET /% HTTP/1.1",
    "GET /?% HTTP/1.1",
    "GET /#f HTTP/1.1",
    "GET /?#f HTTP/1.1",
    "GET /a\\b HTTP/1.1",
    "GET /\xc3\xa9 HTTP/1.1",
    "GET /<> HTTP/1.1",
    "GET /\"\" HTTP/1.1",
    "GET /{|}^` HTTP/1.1",
    "GET /?a[b]=c HTTP/1.1",
    "\r\nGET / HTTP/1.1",
    "\r\n\r\nGET / HTTP/1.1",
    "\r\n\r\n\r\nGET / HTTP/1.1",
    "\nGET / HTTP/1.1",
    " GET / HTTP/1.1",
    "\r\n GET / HTTP/1.1",
};

static void each_request_line(void (*take)(const struct message *m))
{
    for (size_t i = 0; i < COUNT_OF(request_lines); i++) {
        char text[MESSAGE_ROOM];
        int len = snprintf(text, sizeof text, "%s\r\nHost: a\r\n\r\n",
                           request_lines[i]);
        struct message m = { "request line", text, (size_t)len };
        take(&m);
    }
}

static const char *const hosts[] = {
    "a",
    "",
    "a,b",
    "a/b",
    "u@a",
    "a:",
    "a:b",
    "a:0",
    "a:99999",
    "a b",
    "[::1]",
    "[::1",
    "a%41",
    "a\\b",
    "a;b",
    "::1",
    "http://a",
    "127.0.0.1:80",
    "a\xc3\xa9",
    "a?b",
    "a#b",
    "a\r\nHost: a",
    "a\r\nHost: b",
};

static const char *const lengths[] = {
    "Content-Length: 5",
    "Content-Length: +5",
    "Content-Length: -5",
    "Content-Length: -0",
    "Content-Length: 0x5",
    "Content-Length: 5_0",
    "Content-Length: 5 0",
    "Content-Length: 5 x",
    "Content-Length:",
    "Content-Length: 5.0",
    "Content-Length: 005",
    "Content-Length: 00",
    "Content-Length: 5, 5",
    "Content-Length: 5,6",
    "Content-Length: 5,",
    "Content-Length: 5 ",
    "Content-Length: \t5\t",
    "Content-Length:5",
    "Content-Length: 9223372036854775807",
    "Content-Length: 9223372036854775808",
    "Content-Length: 18446744073709551615",
    "Content-Length: 18446744073709551616",
    "Content-Length: 18446744073709551621",
    "Content-Length: 5\r\nContent-Length: 5",
    "Content-Length: 5\r\nContent-Length: 6",
    "Content-Length : 5",
    "Content_Length: 5",
    " Content-Length: 5",
    "Content-Length:\r\n 5",
    "X:\rContent-Length: 5",
    "X: \nContent-Length: 5",
    "Content-Length: 5\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked\r\nContent-Length: 5",
    "Content-Length: 0\r\nTransfer-Encoding: gzip",
    "Connection: upgrade\r\nUpgrade: x\r\nContent-Length: 5",
};

static const char *const codings[] = {
    "Transfer-Encoding: chunked",
    "Transfer-Encoding: Chunked",
    "Transfer-Encoding: chunked ",
    "Transfer-Encoding:\tchunked",
    "Transfer-Encoding: identity",
    "Transfer-Encoding: xchunked",
    "Transfer-Encoding: chunkedx",
    "Transfer-Encoding: gzip",
    "Transfer-Encoding: chunked, gzip",
    "Transfer-Encoding: gzip, chunked",
    "Transfer-Encoding:",
    "Transfer-Encoding: chunked;q=1",
    "Transfer-Encoding: \"chunked\"",
    "Transfer-Encoding: , chunked",
    "Transfer-Encoding: chunked,",
    "Transfer-Encoding: chunked, chunked",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip",
    "Transfer-Encoding : chunked",
    "Transfer_Encoding: chunked",
    "Transfer-Encoding: \vchunked",
    "Transfer-Encoding:\r\n chunked",
    "Transfer-Encoding: identity, chunked",
};

static const char *const others[] = {
    "Connection: close",
    "Connection: keep-alive",
    "Connection: keep-alive, close",
    "Connection: close, keep-alive",
    "Connection: Close",
    "Connection: ,close,",
    "Connection: clo se",
    "Connection: close;x",
    "Connection: \"close\"",
    "Connection:",
    "Connection: closed",
    "Connection: x, close",
    "Connection: keep-alive\r\nConnection: close",
    "Connection: close\r\nConnection: keep-alive",
    "Connection: upgrade\r\nUpgrade: websocket",
    "Connection: upgrade",
    "Upgrade: websocket",
    "Expect: 100-continue",
    "Expect: x",
    "Expect:",
    "X",
    ": y",
    "[]: y",
    "X Y: z",
    "X : y",
    "X\xc3: y",
    "X: a\tb",
    "X: \x01",
    "X: \x7f",
    "X: \xff",
    "X:",
    "X: y\r\n z",
    "\r\nX: y",
    "Proxy-Connection: close",
};

static void each_line_of(const char *label, const char *format,
                         const char *const *lines, size_t count,
                         void (*take)(const struct message *m))
{
    for (size_t i = 0; i < count; i++) {
        for (int minor = 0; minor < 2; minor++) {
            char text[MESSAGE_ROOM];
            int len = snprintf(text, sizeof text, format, minor, lines[i]);
            struct message m = { label, text, (size_t)len };
            take(&m);
        }
    }
}

static void each_header_line(void (*take)(const struct message *m))
{
    each_line_of("host", "GET / HTTP/1.%d\r\nHost: %s\r\n\r\n", hosts,
                 COUNT_OF(hosts), take);
    each_line_of("no host", "GET / HTTP/1.%d\r\n%s\r\n\r\n", others, 2, take);
    each_line_of("length", "POST / HTTP/1.%d\r\nHost: a\r\n%s\r\n\r\nhello",
                 lengths, COUNT_OF(lengths), take);
    each_line_of("coding", "POST / HTTP/1.%d\r\nHost: a\r\n%s\r\n\r\n0\r\n\r\n",
                 codings, COUNT_OF(codings), take);
    each_line_of("other line", "GET / HTTP/1.%d\r\nHost: a\r\n%s\r\n\r\n",
                 others, COUNT_OF(others), take);
}

static const char *const chunk_rests[] = {
    "hello\r\n0\r\n\r\n",
    "hello0\r\n\r\n",
    "hello\n0\r\n\r\n",
    "hell\r\n0\r\n\r\n",
    "helloo\r\n0\r\n\r\n",
    "hello\r\n0\r\n\n",
    "hello\r\n0\n\r\n",
    "hello\r\n",
    "hello\r\n0\r\n",
    "hello\r0\r\n\r\n",
    "hello\r\n0\r\nX: y\r\n\r\n",
    "hello\r\n0\r\nX : y\r\n\r\n",
    "hello\r\n0\r\nX: y\r\n z\r\n\r\n",
    "hello\r\n0\r\nContent-Length: 5\r\n\r\n",
    "hello\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n",
    "hello\r\n0\r\nHost: b\r\n\r\n",
    "hello\r\n0\r\nX\r\n\r\n",
    "hello\r\n0\r\nX: \x01\r\n\r\n",
    "hello\r\n000\r\n\r\n",
    "hello\r\n\r\n0\r\n\r\n",
};

static const char *const chunk_sizes[] = {
    "5",
    "0x5",
    "+5",
    "-5",
    "5_0",
    " 5",
    "5 ",
    "",
    "05",
    "a",
    "A",
    "G",
    "5;",
    "5; ",
    "5;a",
    "5;a=",
    "5;a=b",
    "5;=b",
    "5;;a",
    "5 ;a",
    "5; a",
    "5;a=\"b\"",
    "5;a=\"b",
    "5;a=\"\n\"",
    "5;a\n",
    "5;a\rb",
    "5\t",
    "5;a b",
    "5;a=b c",
    "5;a=\"\\\"\"",
    "5;\x80",
    "5;a;b=c",
    "5;a=b;c",
    "5;a=b;c=d",
    "5;a=b\"c\"",
    "5;a=\"\x7f\"",
    "00000000000000005",
    "0000000000000005",
    "ffffffffffffffff",
    "7fffffffffffffff",
    "8000000000000000",
    "10000000000000005",
    "5;a = b",
    "5,a",
};

static void each_chunked(void (*take)(const struct message *m))
{
    static const char head[] = "POST / HTTP/1.1\r\nHost: a\r\n"
                               "Transfer-Encoding: chunked\r\n\r\n";
    for (size_t i = 0; i < COUNT_OF(chunk_sizes) + COUNT_OF(chunk_rests); i++) {
        bool size = i < COUNT_OF(chunk_sizes);
        char text[MESSAGE_ROOM];
        int len = snprintf(text, sizeof text, "%s%s\r\n%s", head,
                           size ? chunk_sizes[i] : "5",
                           chunk_rests[size ? 0 : i - COUNT_OF(chunk_sizes)]);
        struct message m = { "chunk", text, (size_t)len };
        take(&m);
    }
}

/* A good message with `count` times `part` put in at `at`. */
static void send_grown(struct text m, size_t at, const char *part, int count,
                       void (*take)(const struct message *m))
{
    char grown[MESSAGE_ROOM];
    size_t n = strlen(part), len = n * (size_t)count;
    CHECK(len <= sizeof grown);
    for (int i = 0; i < count; i++)
        memcpy(grown + n * (size_t)i, part, n);
    send_edited("grown", m, at, 0, (struct text){ grown, len }, take);
}

static size_t behind(struct text m, const char *part)
{
    const char *found = memmem(m.ptr, m.len, part, strlen(part));
    CHECK(found != NULL);
    return (size_t)(found - m.ptr) + strlen(part);
}

static void each_grown(void (*take)(const struct message *m))
{
    static const struct text chunked =
        TEXT("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nHost: a\r\n\r\n"
             "5;a\r\nhello\r\n0\r\n\r\n");
    for (int count = 95; count < 105; count++) {
        send_grown(chunked, behind(chunked, "Host: a\r\n"), "A:b\r\n", count,
                   take);
        send_grown(chunked, behind(chunked, "\r\n0\r\n"), "A:b\r\n", count,
                   take);
    }
    send_grown(chunked, behind(chunked, "POST /"), "a", 8191, take);
    send_grown(chunked, behind(chunked, "POST /"), "a", 8192, take);
    send_grown(chunked, behind(chunked, "5;"), "a", 4000, take);
    send_grown(chunked, behind(chunked, "5;"), "a", 5000, take);
}

void corpus_each(void (*take)(const struct message *m))
{
    each_good(take);
    each_cut(take);
    each_line_end(take);
    each_byte(take);
    each_request_line(take);
    each_header_line(take);
    each_chunked(take);
    each_grown(take);
}

static void take_file(const char *directory, const char *name,
                      void (*take)(const struct message *m))
{
    char path[4096];
    static char bytes[READING_ROOM];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "rb");
    CHECK(file != NULL);
    struct message m = { name, bytes, fread(bytes, 1, sizeof bytes, file) };
    fclose(file);
    take(&m);
}

int corpus_files(const char *directory, void (*take)(const struct message *m))
{
    int count = 0;
    DIR *dir = opendir(directory);
    if (!dir)
        return 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (entry->d_name[0] == '.')
            continue;
        take_file(directory, entry->d_name, take);
        count++;
    }
    closedir(dir);
    return count;
}
