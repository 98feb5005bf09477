/*
 * Reading runtimes and tasks through the root: one way for the process itself,
 * another process, and a core file. Everything read may change or vanish
 * meanwhile: what was read is checked, and a list that was torn is said to be.
 * No memory is allocated; async-signal-safe where the reader is.
 */
#ifndef INSPECT_INSPECT_H
#define INSPECT_INSPECT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/peek.h"
#include "coro/trace.h"
#include "rota/time.h"
#include "task/layout.h"

enum { INSPECT_CLAUSES = 4, INSPECT_NAME = 64, INSPECT_SITE = 128 };

struct inspect {
    struct peek *peek;
    struct layout layout;
    uint64_t root;
};

struct inspect_loop {
    uint64_t address;
    uint64_t next;    /* address of the next one; 0 */
    uint64_t current; /* the coroutine that runs */
    uint64_t tasks;   /* alive */
    uint64_t made;    /* ever */
    uint64_t turns;
    unsigned slice; /* with `turns` and `current`: which step it is in */
    int tid;        /* of its thread */
    bool asleep;    /* waits for I/O or a timer */
    rota_time now;
    char backend[16];
};

enum inspect_state {
    INSPECT_RUNNING,
    INSPECT_READY,   /* will run */
    INSPECT_WAITING, /* parked */
    INSPECT_MOVING,  /* changed while it was read */
};

/* One thing a task waits for. */
struct inspect_wait {
    char kind[32];
    uint64_t object;
    uint64_t holder; /* a task; 0: nobody in particular */
    bool members;    /* it waits for the members of the group `object` */
};

struct inspect_task {
    uint64_t address;
    uint64_t id;
    char name[INSPECT_NAME];
    char site[INSPECT_SITE]; /* "" when not known */
    enum inspect_state state;
    rota_time since;     /* when it parked */
    unsigned wait_count; /* may be more than are kept below */
    struct inspect_wait waits[INSPECT_CLAUSES];
    bool shielded; /* its wait is not cancellable */
    bool cancelled;
    unsigned cancels;          /* rota_task_cancel, less uncancel */
    unsigned scopes;           /* it is inside of, its groups' among them */
    char reason[INSPECT_NAME]; /* of the cancellation; "" */
    rota_time deadline;        /* ROTA_FOREVER */
    uint64_t group;            /* it is a member of */
    uint64_t host;             /* task that opened that; 0: the runtime */
    uint64_t sp;               /* 0: it runs */
};

/* Begins with the root at `root`: 0; -ENOEXEC: there is none; -EPROTO: it is
 * of a version we do not know. */
int inspect_open(struct inspect *in, struct peek *p, uint64_t root);

/* This process. */
void inspect_self(struct inspect *in, struct peek *p);

/* Address of the first loop in *loop (0: none): 0, or -EAGAIN. */
int inspect_first(struct inspect *in, uint64_t *loop);

/* Reads the loop at `at`: 0, or -EAGAIN: it is gone. */
int inspect_loop(struct inspect *in, uint64_t at, struct inspect_loop *l);

/* Calls fn for each task of `l`, oldest first: 0, -EAGAIN when the list
 * changed so that it could not be followed, or what fn returned but 0. */
int inspect_tasks(struct inspect *in, const struct inspect_loop *l,
                  int (*fn)(const struct inspect_task *t, void *arg),
                  void *arg);

/* Reads the one task at `at`: 0, or -EAGAIN. */
int inspect_task(struct inspect *in, const struct inspect_loop *l, uint64_t at,
                 struct inspect_task *t);

/* Where a task that does not run stands. */
void inspect_trace(struct inspect *in, const struct inspect_task *t,
                   struct trace *trace);

const char *inspect_state_name(const struct inspect_task *t);

#endif
