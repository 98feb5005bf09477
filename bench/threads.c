/*
 * The classic server: a thread for every connection, blocking reads, blocking
 * writes, and sleep() where there is something to wait for. It is written as
 * one would write it by the book, with the system's default thread size, and
 * stands in script/compare beside a runtime that waits without threads.
 *
 *   threads --port 8000
 *
 *   GET /plaintext                     Hello, World!
 *   GET /thread?seconds=S, /async?..   sleeps S seconds, then answers
 */
#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { REQUEST_MAX = 8192, PATH_MAX_BYTES = 1024, BACKLOG = 4096 };

static const double seconds_default = 5;
static const double seconds_max = 60;

/* Returns 0, or -1 if the connection is gone. */
static int write_all(int fd, const char *data, size_t len)
{
    while (len) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

static int respond(int fd, const char *status, const char *type,
                   const char *body)
{
    char text[1024];
    int len = snprintf(text, sizeof(text),
                       "HTTP/1.1 %s\r\nContent-Type: %s\r\n"
                       "Content-Length: %zu\r\n\r\n%s",
                       status, type, strlen(body), body);
    return write_all(fd, text, (size_t)len);
}

/* Reads up to the blank line; what follows it stays in `text`, which holds
 * *have bytes. Returns the head's length, or -1 at the end. */
static ssize_t request_read(int fd, char *text, size_t *have)
{
    for (;;) {
        char *end = memmem(text, *have, "\r\n\r\n", 4);
        if (end)
            return end + 4 - text;
        if (*have == REQUEST_MAX)
            return -1;
        ssize_t n = recv(fd, text + *have, REQUEST_MAX - *have, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        *have += (size_t)n;
    }
}

/* The number of "?seconds=" in the path, or -1 if it is not a good one. */
static double seconds_of(const char *path)
{
    const char *at = strchr(path, '?');
    char *end;
    if (!at)
        return seconds_default;
    if (strncmp(at, "?seconds=", 9) != 0)
        return -1;
    double seconds = strtod(at + 9, &end);
    if (end == at + 9 || *end || !(seconds >= 0 && seconds <= seconds_max))
        return -1;
    return seconds;
}

static void sleep_for(double seconds)
{
    double whole = floor(seconds);
    struct timespec t = { .tv_sec = (time_t)whole,
                          .tv_nsec = (long)((seconds - whole) * 1e9) };
    while (nanosleep(&t, &t) < 0 && errno == EINTR)
        ;
}

static int answer_sleep(int fd, const char *path)
{
    char body[64];
    double seconds = seconds_of(path);
    if (seconds < 0)
        return respond(fd, "422 Unprocessable Content", "text/plain",
                       "seconds is a number from 0 to 60\n");
    sleep_for(seconds);
    snprintf(body, sizeof(body), "{\"slept\":%g}", seconds);
    return respond(fd, "200 OK", "application/json", body);
}

static int path_is(const char *path, const char *name)
{
    size_t len = strlen(name);
    return strncmp(path, name, len) == 0 &&
           (path[len] == '\0' || path[len] == '?');
}

/* text is one request's head, NUL-terminated. */
static int answer(int fd, const char *text)
{
    char path[PATH_MAX_BYTES];
    if (sscanf(text, "GET %1023s HTTP/1.1\r\n", path) != 1 || path[0] != '/')
        return respond(fd, "400 Bad Request", "text/plain", "bad request\n");
    if (path_is(path, "/plaintext"))
        return respond(fd, "200 OK", "text/plain; charset=utf-8",
                       "Hello, World!");
    if (path_is(path, "/thread") || path_is(path, "/async"))
        return answer_sleep(fd, path);
    return respond(fd, "404 Not Found", "text/plain", "not found\n");
}

static void *serve(void *arg)
{
    char text[REQUEST_MAX + 1];
    int fd = (int)(intptr_t)arg;
    size_t have = 0;
    ssize_t len;

    while ((len = request_read(fd, text, &have)) > 0) {
        char behind = text[len];
        text[len] = '\0';
        if (answer(fd, text) < 0)
            break;
        text[len] = behind;
        have -= (size_t)len;
        memmove(text, text + len, have);
    }
    close(fd);
    return NULL;
}

static int listen_on(long port)
{
    const int on = 1;
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)port),
                              .sin_addr = { htonl(INADDR_LOOPBACK) } };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 ||
        listen(fd, BACKLOG) < 0)
        return -1;
    return fd;
}

/* No thread can be had: the client is told so. */
static void turn_away(int fd)
{
    respond(fd, "503 Service Unavailable", "text/plain", "out of threads\n");
    close(fd);
}

static void accept_forever(int listener)
{
    pthread_attr_t detached;
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    for (;;) {
        pthread_t thread;
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0)
            continue;
        if (pthread_create(&thread, &detached, serve, (void *)(intptr_t)fd))
            turn_away(fd);
    }
}

int main(int argc, char **argv)
{
    struct rlimit limit;
    long port = argc == 3 ? strtol(argv[2], NULL, 10) : 0;
    if (port < 1 || port > 65535 || strcmp(argv[1], "--port") != 0) {
        fprintf(stderr, "usage: %s --port N\n", argv[0]);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    int listener = listen_on(port);
    if (listener < 0) {
        perror("threads: listen");
        return 1;
    }
    accept_forever(listener);
}
