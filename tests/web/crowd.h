/*
 * Many clients at once: a connection each, one request, one answer. They come
 * from several addresses of this machine, so that ports suffice.
 */
#ifndef WEB_CROWD_H
#define WEB_CROWD_H

#include <stdbool.h>
#include <stddef.h>

struct crowd_member;

struct crowd {
    struct crowd_member *members;
    size_t count;
    size_t answered; /* with 200, whole */
    size_t refused;  /* with anything else, or closed before */
    int epoll;
};

/* Connects `count` clients, each of which asks for `path`. */
void crowd_open(struct crowd *c, int port, size_t count, const char *path);

/* Takes what has come, waiting at most so long for a first of it. */
void crowd_turn(struct crowd *c, int milliseconds);

/* Until all have been answered or refused. */
void crowd_wait(struct crowd *c);

bool crowd_done(const struct crowd *c);

void crowd_close(struct crowd *c);

/* Lets this process, and those it starts, have so many descriptors; false
 * when that is not allowed. */
bool crowd_allow(size_t descriptors);

#endif
