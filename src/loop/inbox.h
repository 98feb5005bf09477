/*
 * The inbox: how a loop hears from other threads. A post is pushed onto a
 * list without a lock, and the loop is woken only when it sleeps; a loop that
 * ends first refuses posts, then waits for those who are just posting, so that
 * a post is either run or refused, and nobody touches a loop that is gone.
 * tests/loop/inbox.pml is a model of it that is checked exhaustively.
 */
#ifndef LOOP_INBOX_H
#define LOOP_INBOX_H

#include <stdatomic.h>
#include <stdbool.h>

#include "rota/export.h"

struct loop;

/* A post from another thread: runs once on the loop's stack. */
struct post {
    struct post *next;
    void (*run)(struct post *p);
};

/* Who posts, in the order in which an ending loop stops to listen. */
enum post_rank {
    POST_GUEST,  /* a task from outside of the runtime */
    POST_CALL,   /* a callback from outside */
    POST_HANDLE, /* what somebody does to a handle he holds */
    POST_INSIDE, /* from what the loop itself waits for: never refused */
};

struct inbox {
    _Alignas(64) _Atomic(struct post *) newest;
    atomic_bool asleep;  /* the loop is, or is about to be: a post wakes it */
    atomic_uint posting; /* who is between his first step and his last */
    atomic_uint least;   /* ranks below are refused */
    int wake_fd;         /* an eventfd the loop polls */
};

/* 0 or a negative errno of eventfd(2). */
int inbox_init(struct inbox *in);

/* Nobody may be posting any more (inbox_refuse). */
void inbox_fini(struct inbox *in);

/* Runs the posts that are there now, oldest first; later ones wait. False:
 * there were none. */
bool inbox_run(struct inbox *in);

/* True when nothing is there to be run. */
static inline bool inbox_empty(struct inbox *in)
{
    return !atomic_load_explicit(&in->newest, memory_order_relaxed);
}

/* Around the loop's sleep. It may sleep only when inbox_doze said true. */
bool inbox_doze(struct inbox *in);
static inline void inbox_rise(struct inbox *in)
{
    atomic_store(&in->asleep, false);
}

/* Refuses posts of ranks below `least` from now on. On return all that were
 * accepted are in the inbox. */
void inbox_refuse(struct inbox *in, enum post_rank least);

/*
 * From any thread: p->run(p) will be called on the loop's stack. 0, or
 * -ESHUTDOWN: it will not. `p` must stand until then. The caller makes sure
 * that the loop's memory outlives the call.
 */
int loop_try_post(struct loop *l, struct post *p, enum post_rank rank)
    ROTA_INTERNAL(loop_try_post);

/* The same by something the loop waits for, which cannot be refused: the loop
 * stands at least until the post has been run, and this call is safe even if
 * the loop ends right then. */
void loop_post(struct loop *l, struct post *p) ROTA_INTERNAL(loop_post);

#endif
