#include "bare.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ANSWER_MAX = 4096 };

/* As long as a plain server's answer; --answer gives the very bytes of one. */
static const char default_answer[] =
    "HTTP/1.1 200 OK\r\n"
    "Content-Type: text/plain; charset=utf-8\r\n"
    "Content-Length: 13\r\n"
    "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
    "\r\n"
    "Hello, World!";

void bare_die(const char *what, int error)
{
    fprintf(stderr, "bare: %s: %s\n", what, strerror(error));
    exit(1);
}

static size_t answer_read(const char *path, char *one)
{
    if (!path) {
        memcpy(one, default_answer, sizeof(default_answer) - 1);
        return sizeof(default_answer) - 1;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, one, ANSWER_MAX);
    if (n <= 0)
        bare_die(path, n == 0 ? ENODATA : errno);
    close(fd);
    return (size_t)n;
}

static void answer_init(struct bare_answer *answer, const char *path)
{
    char one[ANSWER_MAX];
    answer->len = answer_read(path, one);
    answer->bytes = malloc(answer->len * BARE_BATCH);
    if (!answer->bytes)
        bare_die("answer", ENOMEM);
    for (size_t i = 0; i < BARE_BATCH; i++)
        memcpy(answer->bytes + i * answer->len, one, answer->len);
}

static void descriptors_raise(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int bare_listen(long port)
{
    const int on = 1;
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)port),
                              .sin_addr = { htonl(INADDR_LOOPBACK) } };
    descriptors_raise();
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        bare_die("socket", errno);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    /* Accepted sockets inherit it. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
        bare_die("bind", errno);
    if (listen(fd, BARE_BACKLOG) < 0)
        bare_die("listen", errno);
    return fd;
}

int bare_start(int argc, char **argv, struct bare_answer *answer)
{
    long port = 0;
    const char *path = NULL;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--port") == 0)
            port = strtol(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--answer") == 0)
            path = argv[i + 1];
        else
            port = 0;
    }
    if (port < 1 || port > 65535 || argc % 2 == 0) {
        fprintf(stderr, "usage: %s --port N [--answer FILE]\n", argv[0]);
        exit(2);
    }
    signal(SIGPIPE, SIG_IGN);
    answer_init(answer, path);
    return bare_listen(port);
}
