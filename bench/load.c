/*
 * load: an HTTP load client for one server on this machine's loopback, bounded
 * in count and in time.
 *
 *   load --port 8000 --path /plaintext --connections 64 --pipeline 16
 *   load --port 8000 --path /async?seconds=1 --requests 10000
 *
 * The first form keeps its connections busy for --seconds and counts what they
 * did after a warm-up. The second sends so many requests at once, each on a
 * connection of its own, and waits for all of them, --timeout seconds at most.
 * The results are key=value lines; the exit status is 1 if a request failed.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "client.h"

enum {
    CONNECTIONS_MAX = 15000,
    PIPELINE_MAX = 1024,
    SECONDS_MAX = 3600,
    SPARE_DESCRIPTORS = 16, /* the terminal, epoll, /proc files */
    EXIT_FAILED = 1,
    EXIT_USAGE = 2
};

static const double second = 1e9;

struct options {
    struct plan plan;
    double seconds; /* the measured time; with a burst: how long to hold */
    double warmup;
    double timeout; /* of a burst */
};

/* What the server process did in the measured time. */
struct result {
    struct process before, after, held;
    struct machine machine_before, machine_after;
    uint64_t wall_ns;
    int64_t client_ns;
};

static const char usage[] =
    "usage: load --port PORT [options]\n"
    "  --path PATH          what to get (default /plaintext)\n"
    "  --connections N      keep-alive connections (default 64)\n"
    "  --pipeline N         requests sent in one go on each (default 1)\n"
    "  --seconds S          measured time (default 2)\n"
    "  --warmup S           time before it (default 0.2)\n"
    "  --rate R             requests a second in all (default: no limit)\n"
    "  --requests N         instead: N at once, a connection each\n"
    "  --keepalive-idle     with --requests: then hold all for --seconds\n"
    "  --timeout S          with --requests: for all of them (default 60)\n"
    "  --status N           the status to expect (default 200)\n"
    "  --body-bytes N       the body length to expect (default: any)\n"
    "  --pid PID            the server process to watch\n";

__attribute__((noreturn)) static void refuse(const char *what)
{
    fprintf(stderr, "load: %s\n%s", what, usage);
    exit(EXIT_USAGE);
}

/* The option's number, within min and max. */
static double number(const char *name, const char *text, double min, double max)
{
    char *end;
    char message[128];
    double value = strtod(text, &end);
    if (end == text || *end || !(value >= min && value <= max)) {
        snprintf(message, sizeof(message),
                 "--%s wants a number from %.15g to %.15g", name, min, max);
        refuse(message);
    }
    return value;
}

enum option_id {
    OPT_PORT = 256,
    OPT_PATH,
    OPT_CONNECTIONS,
    OPT_PIPELINE,
    OPT_SECONDS,
    OPT_WARMUP,
    OPT_RATE,
    OPT_REQUESTS,
    OPT_HOLD,
    OPT_TIMEOUT,
    OPT_STATUS,
    OPT_BODY,
    OPT_PID
};

static const struct option known_options[] = {
    { "port", required_argument, NULL, OPT_PORT },
    { "path", required_argument, NULL, OPT_PATH },
    { "connections", required_argument, NULL, OPT_CONNECTIONS },
    { "pipeline", required_argument, NULL, OPT_PIPELINE },
    { "seconds", required_argument, NULL, OPT_SECONDS },
    { "warmup", required_argument, NULL, OPT_WARMUP },
    { "rate", required_argument, NULL, OPT_RATE },
    { "requests", required_argument, NULL, OPT_REQUESTS },
    { "keepalive-idle", no_argument, NULL, OPT_HOLD },
    { "timeout", required_argument, NULL, OPT_TIMEOUT },
    { "status", required_argument, NULL, OPT_STATUS },
    { "body-bytes", required_argument, NULL, OPT_BODY },
    { "pid", required_argument, NULL, OPT_PID },
    { 0 },
};

static void option_set(struct options *o, int option, const char *name,
                       const char *text)
{
    struct plan *p = &o->plan;
    switch (option) {
    case OPT_PORT: p->port = (uint16_t)number(name, text, 1, 65535); break;
    case OPT_PATH: p->path = text; break;
    case OPT_REQUESTS: p->once = true; /* fall through */
    case OPT_CONNECTIONS:
        p->connections = (unsigned)number(name, text, 1, CONNECTIONS_MAX);
        break;
    case OPT_PIPELINE:
        p->pipeline = (unsigned)number(name, text, 1, PIPELINE_MAX);
        break;
    case OPT_SECONDS: o->seconds = number(name, text, 0, SECONDS_MAX); break;
    case OPT_WARMUP: o->warmup = number(name, text, 0, SECONDS_MAX); break;
    case OPT_RATE: p->rate = number(name, text, 1, 1e8); break;
    case OPT_HOLD: p->hold = true; break;
    case OPT_TIMEOUT: o->timeout = number(name, text, 0, SECONDS_MAX); break;
    case OPT_STATUS: p->status = (int)number(name, text, 200, 599); break;
    case OPT_BODY: p->body_bytes = (int64_t)number(name, text, 0, 1e15); break;
    case OPT_PID: p->pid = (pid_t)number(name, text, 1, 1 << 22); break;
    default: refuse("unknown option");
    }
}

static struct options options_read(int argc, char **argv)
{
    struct options o = {
        .plan = { .path = "/plaintext",
                  .connections = 64,
                  .pipeline = 1,
                  .status = 200,
                  .body_bytes = -1 },
        .seconds = 2,
        .warmup = 0.2,
        .timeout = 60,
    };
    int option, index = 0;
    while ((option = getopt_long(argc, argv, "", known_options, &index)) != -1)
        option_set(&o, option, option == '?' ? "" : known_options[index].name,
                   optarg);
    if (optind != argc)
        refuse("too many arguments");
    if (o.plan.port == 0)
        refuse("--port is missing");
    if (o.plan.path[0] != '/' || strpbrk(o.plan.path, " \r\n"))
        refuse("--path begins with / and has no blank");
    if (o.plan.once && (o.plan.pipeline != 1 || o.plan.rate != 0))
        refuse("--requests sends one on each connection, all at once");
    if (o.plan.hold && !o.plan.once)
        refuse("--keepalive-idle goes with --requests");
    return o;
}

/* Returns 0, or -EMFILE if so many connections are not allowed. */
static int descriptors_raise(unsigned connections)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return -errno;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        return -errno;
    return limit.rlim_cur < connections + SPARE_DESCRIPTORS ? -EMFILE : 0;
}

static int64_t own_cpu(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void watch(const struct client *c, struct process *p)
{
    if (c->plan.pid && process_read(c->plan.pid, p) < 0)
        fprintf(stderr, "load: cannot read process %d\n", (int)c->plan.pid);
}

/* The measured time begins. Returns when. */
static uint64_t begin(const struct client *c, struct result *r)
{
    watch(c, &r->before);
    machine_read(&r->machine_before);
    r->client_ns = own_cpu();
    return client_clock();
}

/* The measured time has ended. */
static void end(const struct client *c, struct result *r)
{
    r->client_ns = own_cpu() - r->client_ns;
    machine_read(&r->machine_after);
    r->after = r->before; /* stands if the server is gone */
    watch(c, &r->after);
}

/* Every connection has been tried: each is up or has failed. */
static void connect_all(struct client *c, uint64_t deadline)
{
    while (c->now < deadline && c->alive &&
           (c->opened < c->plan.connections || c->connecting))
        client_turn(c, deadline);
}

static void run_until(struct client *c, uint64_t deadline)
{
    while (c->now < deadline && c->alive)
        client_turn(c, deadline);
}

static void run_throughput(struct client *c, const struct options *o,
                           struct result *r)
{
    connect_all(c, c->now + (uint64_t)(o->timeout * second));
    run_until(c, c->now + (uint64_t)(o->warmup * second));
    if (c->alive) /* else the failures so far are the result */
        client_reset(c);
    uint64_t start = begin(c, r);
    run_until(c, start + (uint64_t)(o->seconds * second));
    r->wall_ns = client_clock() - start;
    client_count_stuck(c, start);
    end(c, r);
}

static void run_burst(struct client *c, const struct options *o,
                      struct result *r)
{
    uint64_t start = begin(c, r);
    run_until(c, start + (uint64_t)(o->timeout * second));
    client_give_up(c);
    r->wall_ns = (c->failed.late ? c->now : c->last_at) - start;
    end(c, r);
    if (!c->plan.hold)
        return;
    /* Nobody sends anything now: what remains is what idleness costs. */
    uint64_t until = client_clock() + (uint64_t)(o->seconds * second);
    while (c->now < until)
        client_turn(c, until);
    watch(c, &r->held);
}

static void print_latency(const struct histogram *h)
{
    printf("p50_us=%.1f\n", (double)histogram_at(h, 0.50) / 1e3);
    printf("p99_us=%.1f\n", (double)histogram_at(h, 0.99) / 1e3);
    printf("max_us=%.1f\n", (double)h->max / 1e3);
}

static void print_server(const struct client *c, const struct result *r)
{
    double cpu_us = (double)(r->after.cpu_ns - r->before.cpu_ns) / 1e3;
    double n = c->completed ? (double)c->completed : 1;
    int64_t all = r->machine_after.all_ns - r->machine_before.all_ns;
    int64_t others = r->machine_after.busy_ns - r->machine_before.busy_ns -
                     (r->after.cpu_ns - r->before.cpu_ns) - r->client_ns;
    printf("server_cpu_ms=%.3f\n", cpu_us / 1e3);
    printf("server_cpu_us_per_request=%.4f\n", cpu_us / n);
    printf("noise_percent=%.1f\n",
           all > 0 && others > 0 ? 100.0 * (double)others / (double)all : 0.0);
    printf("server_rss_before_kib=%ld\n", r->before.rss_kib);
    printf("server_rss_kib=%ld\n", r->after.rss_kib);
    printf("server_peak_kib=%ld\n", r->after.peak_kib);
    printf("server_threads_peak=%ld\n", c->peak_threads);
    if (c->plan.hold)
        printf("server_rss_idle_kib=%ld\n", r->held.rss_kib);
}

static uint64_t print_result(const struct client *c, const struct result *r)
{
    const struct failures *f = &c->failed;
    uint64_t failed = f->connect + f->broken + f->answer + f->late;
    double wall = (double)r->wall_ns / second;

    printf("completed=%" PRIu64 "\n", c->completed);
    printf("failed=%" PRIu64 "\n", failed);
    printf("failed_connect=%" PRIu64 "\n", f->connect);
    printf("failed_broken=%" PRIu64 "\n", f->broken);
    printf("failed_answer=%" PRIu64 "\n", f->answer);
    printf("failed_late=%" PRIu64 "\n", f->late);
    printf("reconnects=%" PRIu64 "\n", c->reconnects);
    if (c->plan.hold)
        printf("dropped=%" PRIu64 "\n", c->dropped);
    printf("wall_ms=%.3f\n", wall * 1e3);
    printf("requests_per_second=%.1f\n",
           wall > 0 ? (double)c->completed / wall : 0.0);
    print_latency(&c->latency);
    printf("client_cpu_ms=%.3f\n", (double)r->client_ns / 1e6);
    if (c->plan.pid)
        print_server(c, r);
    return failed;
}

int main(int argc, char **argv)
{
    static struct client client;
    struct options o = options_read(argc, argv);
    struct result r = { 0 };

    int rc = descriptors_raise(o.plan.connections);
    if (rc == 0)
        rc = client_init(&client, &o.plan);
    if (rc < 0) {
        fprintf(stderr, "load: %u connections: %s\n", o.plan.connections,
                strerror(-rc));
        return EXIT_USAGE;
    }
    if (o.plan.once)
        run_burst(&client, &o, &r);
    else
        run_throughput(&client, &o, &r);
    uint64_t failed = print_result(&client, &r);
    client_fini(&client);
    return failed ? EXIT_FAILED : 0;
}
