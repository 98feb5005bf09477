/*
 * What a backend is: how ops are started and their completions collected.
 * backend.c chooses one when a loop begins; the loop calls it through this
 * table.
 */
#ifndef LOOP_BACKEND_H
#define LOOP_BACKEND_H

#include "loop/file_op.h"
#include "loop/op.h"
#include "loop/sock.h"
#include "rota/time.h"

struct backend {
    const char *name; /* "epoll", "uring", "sim" */

    /* Sets up *state for the loop: 0 or a negative errno with nothing kept.
     * `wake_fd` is an eventfd: wait() must return early, soon, whenever it is
     * written to (the backend empties it or watches its edges). */
    int (*init)(struct loop *l, void **state, int wake_fd);
    /* Ops still armed end untold; nothing touches their memory from here. */
    void (*fini)(struct loop *l, void *state);

    /* In a child made by fork: closes what the child has inherited of it, and
     * asks nothing of it, for it is the parent's. */
    void (*forked)(void *state);

    int (*submit)(struct loop *l, void *state, struct op *op);
    int (*cancel)(struct loop *l, void *state, struct op *op);
    /* As op_receive_now; NULL: it learns nothing by it, it is a plain call. */
    int (*receive)(void *state, int fd, void *data, size_t size);
    /* As file_op_submit and file_op_cancel; NULL: it knows no files. */
    int (*file_submit)(void *state, struct file_op *op);
    void (*file_cancel)(void *state, struct file_op *op);
    /* As file_op_is_due; NULL: there is nothing to gain by it. */
    bool (*file_due)(struct loop *l, void *state, enum file_kind kind);
    /* Before close: 0, or -EBUSY, nothing done, when an op is armed on it. */
    int (*forget)(struct loop *l, void *state, int fd);

    /*
     * Hands over what was submitted and waits until something completes or
     * the moment `until` comes (0: does not wait; ROTA_FOREVER: no limit).
     * Never returns late for a timer by rounding down, never early by more
     * than the kernel's grain. Calls no done(). Returns 0, or a negative errno
     * (-EINTR is not an error: 0).
     */
    int (*wait)(struct loop *l, void *state, rota_time until);
    /* After a wait that did not fail: calls done() for what has completed. */
    void (*complete)(struct loop *l, void *state);

    /* True when wait(0) might find something: ops are armed or submitted. */
    bool (*busy)(void *state);

    /* Calls fn(op, arg) for each armed op; NULL: not known. */
    void (*each_op)(void *state, void (*fn)(const struct op *op, void *arg),
                    void *arg);

    /* How many file ops are armed; NULL: none ever. */
    size_t (*file_ops)(void *state);

    /* The calls on the sockets of its world; NULL: the system's. */
    const struct sock_calls *sockets;
};

extern const struct backend backend_epoll;
extern const struct backend backend_uring;
extern const struct backend backend_sim; /* never chosen: asked for */

/*
 * Chooses and initialises: what ROTA_BACKEND=epoll|uring says, else the
 * default; io_uring that is refused (seccomp, old kernel, no memory) falls
 * back to epoll with one log line, once per process. A value of ROTA_BACKEND
 * that is neither is an error line and -EINVAL.
 */
int backend_choose(struct loop *l, const struct backend **backend, void **state,
                   int wake_fd);

#endif
