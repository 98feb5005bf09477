/*
 * A suspicious HTTP client for tests: blocking, sends bytes exactly as it is
 * told, and reads responses by the letter of RFC 9112. Whatever a response has
 * that it should not have fails the test; so does one that never comes.
 */
#ifndef HTTP_CLIENT_H
#define HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

struct client {
    int fd;
    char *in; /* come, and not yet taken by client_read */
    size_t len;
    size_t size;
};

enum {
    REPLY_HEAD = 8192,
    REPLY_BODY_ALWAYS = 0,
    REPLY_BODY_NEVER = 1, /* the request was HEAD */
};

struct reply {
    int status;
    char head[REPLY_HEAD]; /* status line and header lines */
    char *body;            /* NUL-terminated; reply_free */
    size_t len;
    size_t room;  /* allocated for it */
    bool close;   /* it says Connection: close */
    bool chunked; /* it came in chunks */
    bool counted; /* it has a Content-Length */
    bool to_end;  /* neither: it went to the end of the connection */
    size_t announced;
};

/* Connects to 127.0.0.1. */
void client_open(struct client *c, int port);
/* The same; false when the connection is refused. */
bool client_try(struct client *c, int port);
/* The same as client_open; the kernel keeps little of what comes. */
void client_open_narrow(struct client *c, int port);
void client_close(struct client *c);

/* Sends bytes; false when the server takes no more. */
bool client_send(struct client *c, const void *bytes, size_t n);
bool client_say(struct client *c, const char *text);

/* Asks for a path, by GET; the connection stays. */
void client_get(struct client *c, const char *path);

/* Ends our side. */
void client_shut(struct client *c);

/* Closes with a reset. */
void client_reset(struct client *c);

/* Reads one response, interim ones (1xx) too; `body` is a REPLY_BODY_...
 * The caller frees it by reply_free. */
void client_read(struct client *c, struct reply *r, int body);
void reply_free(struct reply *r);

/* A response with this status; its body is thrown away. */
void client_want(struct client *c, int status);
/* The same, and with just this body. */
void client_want_body(struct client *c, int status, const char *body);

/* The first bytes of a response have come. */
void client_want_some(struct client *c);
/* The same; at most so many are taken. */
void client_sip(struct client *c, size_t most);

/* The server has ended the connection, in either way, without another byte. */
void client_want_end(struct client *c);
/* It has, by a reset or in the middle of a response: what came is dropped. */
void client_want_reset(struct client *c);
/* The connection goes on: one more request is answered. */
void client_want_alive(struct client *c);
/* Nothing comes for a moment. */
void client_want_silence(struct client *c);

/* The value of the one header line `name` in `out`; false: there is none. */
bool reply_header(const struct reply *r, const char *name, char *out,
                  size_t size);

/* One request on a connection of its own. */
void client_ask(int port, const char *request, struct reply *r);

#endif
