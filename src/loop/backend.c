/*
 * The choice of a backend, when a loop begins: what the environment says,
 * else io_uring where this kernel has all that makes it worth while, else
 * epoll, which always works.
 */
#include "loop/backend.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "loop/uring.h"
#include "rota/error.h"
#include "rota/log.h"

/* What is taken when ROTA_BACKEND does not say. */
static const struct backend *const preferred = &backend_uring;

static void ignore_signal(int number)
{
    struct sigaction now;
    if (sigaction(number, NULL, &now) == 0 && !(now.sa_flags & SA_SIGINFO) &&
        now.sa_handler == SIG_DFL)
        signal(number, SIG_IGN);
}

/* Writing into a pipe nobody reads must be -EPIPE, and beyond the limit of a
 * file's size -EFBIG, not the end of the process; a disposition the program
 * chose itself stays. */
static void ignore_write_signals(void)
{
    ignore_signal(SIGPIPE);
    ignore_signal(SIGXFSZ);
}

static void tell_once(const char *reason)
{
    static atomic_flag told = ATOMIC_FLAG_INIT;
    if (!atomic_flag_test_and_set(&told))
        rota_log(ROTA_LOG_INFO, "io_uring is not available (%s): using epoll",
                 reason);
}

/* `whole`: take it only with everything that makes it fast. */
static int try_uring(struct loop *l, void **state, int wake_fd, bool whole)
{
    int rc = backend_uring.init(l, state, wake_fd);
    if (rc < 0) {
        tell_once(rota_strerror(rc));
    } else if (whole && !uring_is_whole(*state)) {
        backend_uring.fini(l, *state);
        tell_once("this kernel's is too old to be of use");
        rc = -EOPNOTSUPP;
    }
    return rc;
}

int backend_choose(struct loop *l, const struct backend **backend, void **state,
                   int wake_fd)
{
    const char *name = getenv("ROTA_BACKEND");
    bool named = name && *name;
    *backend = preferred;
    if (named && strcmp(name, backend_epoll.name) == 0) {
        *backend = &backend_epoll;
    } else if (named && strcmp(name, backend_uring.name) == 0) {
        *backend = &backend_uring;
    } else if (named) {
        rota_log(ROTA_LOG_ERROR,
                 "ROTA_BACKEND=%s: there is epoll and there is uring", name);
        return -EINVAL;
    }
    ignore_write_signals();
    if (*backend == &backend_uring && try_uring(l, state, wake_fd, !named) == 0)
        return 0;
    *backend = &backend_epoll;
    return backend_epoll.init(l, state, wake_fd);
}
