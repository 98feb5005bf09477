/*
 * What the tests of ops share: a loop, ops that note what they were told, and
 * pairs of connected sockets.
 */
#ifndef TESTS_LOOP_OPS_H
#define TESTS_LOOP_OPS_H

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/list.h"
#include "loop/loop.h"
#include "test.h"

/* An op and what became of it. */
struct job {
    struct op op; /* first */
    int calls;
    int last;    /* result */
    bool ended;  /* told so, or finished on the spot */
    char *bytes; /* what a stream received; NULL: only counted */
    size_t got;
};

/* A byte, as OP_RECVMSG receives it. */
struct parcel {
    struct msghdr header;
    struct iovec place;
    char byte;
};

extern struct loop loop;

/* Begins the loop, on the backend ROTA_BACKEND says. */
void begin(void);
void end(void);
bool on_uring(void);

/* Turns the loop until `cond` holds; the test's time limit ends it else. */
#define turn_until(cond) \
    while (!(cond))      \
    loop_turn(&loop)

/* One turn that does not wait. */
void glance(void);

/* Turns the loop for a while: whatever would happen, has happened. */
void settle(void);

struct job job_make(enum op_kind kind, int fd, void *data, size_t size);

/* Of OP_RECVMSG: what is not there the ring waits for by itself. */
struct job job_receive(int fd, struct parcel *parcel);

/* Submits and checks that it could be started. */
void job_start(struct job *j);

/* A ring sends in two ways: by readiness; and by itself, where something is
 * received on the descriptor, too: by `in`, which these begin and end. */
enum { SEND_WAYS = 2 };
void send_way(int way, struct job *in, int fd);
void send_way_end(struct job *in);

/* Cancels and turns until it has ended: what it ended with. */
int job_stop(struct job *j);

/* Submits and turns until it has ended: its result. */
int job_run(struct job *j);

/* Connected pairs; both ends non-blocking. */
void make_pair(int ends[2]);
void make_tcp_pair(int ends[2]);
void make_pipe(int ends[2]);

/* A listener on a free port of the loopback, and its address. */
int make_listener(struct sockaddr_in *address, int backlog);

/* A plain blocking connection to it. */
int dial(const struct sockaddr_in *address);

/* Closes so that the peer sees a reset. */
void reset_close(int fd);

/* Writes until no more goes; the number of bytes. */
size_t fill(int fd);

void set_blocking(int fd, bool blocking);

/* Allows as many descriptors as the system does: how many. */
size_t raise_files(void);

/* The byte at `i` of the pattern that transfers send. */
static inline char pattern(size_t i)
{
    return (char)(i * 31 + i / 251);
}

#endif
