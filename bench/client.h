/*
 * The connections of the load client: one thread, one epoll, edge-triggered,
 * read and write tried first. A connection sends a batch of requests, checks
 * every response, and when the last of the batch is there, either sends the
 * next one or is done. Only 127.0.0.1 is ever connected to.
 */
#ifndef BENCH_CLIENT_H
#define BENCH_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "histogram.h"
#include "process.h"
#include "response.h"

/* What to do; times in nanoseconds. */
struct plan {
    uint16_t port;
    const char *path;
    unsigned connections;
    unsigned pipeline;  /* requests in one batch */
    bool once;          /* one batch on each connection, then done */
    bool hold;          /* with once: stay connected when done */
    double rate;        /* requests a second, all together; 0: no limit */
    int status;         /* what every response must have */
    int64_t body_bytes; /* what every body must have; -1: any */
    pid_t pid;          /* the server to watch; 0: none */
};

/* Why requests failed. */
struct failures {
    uint64_t connect; /* the connection was not made */
    uint64_t broken;  /* it broke, or its bytes were not HTTP */
    uint64_t answer;  /* a whole response, but not the expected one */
    uint64_t late;    /* no response when the time was up */
};

struct conn;

struct client {
    struct plan plan;
    int epoll;
    int diag;     /* tells how full the server's accept queue is */
    uint64_t now; /* ns, CLOCK_MONOTONIC */

    char *batch; /* the bytes of `pipeline` requests */
    size_t batch_len;

    struct conn *conns;
    unsigned opened;     /* connections tried so far, each once */
    unsigned connecting; /* of these, not yet established */
    unsigned alive;      /* not done and not given up */

    /* A response once checked in full; the same bytes need no second look. */
    char *known;
    size_t known_len;

    char *input; /* what the last read brought, shared by all connections */

    /* Results. */
    uint64_t completed;
    uint64_t reconnects; /* made anew after the server's orderly close */
    uint64_t dropped;    /* held open here, closed by the server */
    struct failures failed;
    struct histogram latency;
    uint64_t last_at;     /* when the last request was over */
    uint64_t schedule_at; /* with a rate: when batch 0 was due */
    uint64_t scheduled;   /* with a rate: batches that have become due */

    /* The server, watched from outside. */
    uint64_t sample_at;
    long peak_threads;
};

/* Returns 0 or a negative errno. */
int client_init(struct client *c, const struct plan *plan);

void client_fini(struct client *c);

/* Handles what happens until something has happened or `until` is reached. */
void client_turn(struct client *c, uint64_t until);

/* Forgets all results so far: the measured time begins. */
void client_reset(struct client *c);

/* Counts the requests that have waited since `before` or longer as failed. */
void client_count_stuck(struct client *c, uint64_t before);

/* The time is up: counts every request that has no response as failed. */
void client_give_up(struct client *c);

uint64_t client_clock(void);

#endif
