/*
 * The application: routers, what to do at start and end, and the main
 * function that reads the command line and serves.
 *
 *     int main(int argc, char **argv)
 *     {
 *         return rota_app_main(argc, argv, .title = "Shop",
 *                              .routers = { &items, &users });
 *     }
 */
#ifndef ROTA_APP_H
#define ROTA_APP_H

#include <stdint.h>

#include "rota/export.h"
#include "rota/route.h"

enum { ROTA_ROUTERS_MOST = 32, ROTA_FLAGS_MOST = 16 };

/* An option of the program's own: --name VALUE. */
typedef struct rota_flag {
    const char *name;   /* without the dashes */
    const char *value;  /* what it is called in --help: "FILE" */
    const char *help;   /* one line */
    const char **store; /* holds the default, receives the argument */
} rota_flag;

typedef struct rota_app {
    const char *title;
    const char *version;
    const char *host; /* default: "127.0.0.1"; --host */
    uint16_t port;    /* default: 8000; --port */
    const rota_router *routers[ROTA_ROUTERS_MOST]; /* up to the first NULL */
    rota_flag flags[ROTA_FLAGS_MOST];              /* up to the first NULL */

    void *state; /* rota_request_state */
    /* Called in a task of the loop before anything is served, and after the
     * last answer; who connects meanwhile waits, and after a second a line says
     * so. A negative errno from start ends the program: say why with
     * rota_fail. A signal meanwhile cancels what start waits for. Threads that
     * start makes have SIGTERM and SIGINT blocked, as they should. */
    int (*start)(void *state);
    void (*stop)(void *state);

    double timeout;       /* of a handler, seconds; 0: 60. What it waits for its
                           * client does not count */
    uint64_t body_limit;  /* bytes; 0: 1 MiB */
    double drain_timeout; /* seconds; 0: 30 */
    unsigned threads;     /* most for blocking handlers; 0: 256 */
} rota_app;

/*
 * Reads the command line (--host, --port, --help, the app's own flags),
 * checks the routes, listens, calls start, serves until SIGTERM or SIGINT,
 * answers what has been asked. A second signal ends it at once, with exit
 * status 1 and without `stop` if handlers block their threads: they may be
 * using what it takes down. Returns the program's exit status: 0, or 1 after
 * one line on stderr that says what to do.
 */
#define rota_app_main(argc, argv, ...)                                         \
    rota_app_run(argc, argv, &(const rota_app){ __VA_ARGS__ })
ROTA_API int rota_app_run(int argc, char **argv, const rota_app *app);

#endif
