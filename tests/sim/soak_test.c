/*
 * A day of a server, in the time of a coffee: connections come and go, some
 * are cut, some reset, tasks end in every way. What the process holds at the
 * end of the day is what it held after the first hour.
 */
#include "../task/tasks.h"
#include "sim.h"

#include <dirent.h>
#include <malloc.h>
#include <unistd.h>

enum { PORT = 9000, HOURS = 24, CALLS = 60 };

static int entries(const char *path)
{
    int n = 0;
    DIR *d = opendir(path);
    CHECK(d != NULL);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static int lines(const char *path)
{
    int n = 0, c;
    FILE *f = fopen(path, "re");
    CHECK(f != NULL);
    while ((c = getc(f)) != EOF)
        n += c == '\n';
    fclose(f);
    return n;
}

static long resident_pages(void)
{
    long size, resident;
    FILE *f = fopen("/proc/self/statm", "re");
    CHECK(f != NULL);
    CHECK_INT(fscanf(f, "%ld %ld", &size, &resident), 2);
    fclose(f);
    return resident;
}

/* What is held: descriptors, mappings, pages, bytes of the heap. */
struct held {
    int files, maps;
    long pages;
    size_t bytes;
};

static struct held held(void)
{
    struct held h = { entries("/proc/self/fd"), lines("/proc/self/maps"),
                      resident_pages(), mallinfo2().uordblks };
    return h;
}

static ROTA_ASYNC(echo, (int, fd))
{
    rota_stream *s;
    rota_str line;
    CHECK_INT(rota_stream_new(fd, &s), 0);
    while (rota_stream_readline(s, &line) > 0)
        if (rota_stream_write(s, line.ptr, line.len, NULL) < 0)
            break;
    rota_stream_close(s);
    return 0;
}

static ROTA_ASYNC(serve, (int, listener))
{
    rota_group g;
    CHECK_INT(rota_group_begin(&g, ROTA_GROUP_ISOLATE), 0);
    int fd;
    while ((fd = rota_accept(listener, NULL, NULL)) >= 0)
        CHECK_INT(rota_group_create_task(&g, echo, fd), 0);
    return rota_group_end(&g, fd);
}

static ROTA_ASYNC(call, (int, lines))
{
    rota_stream *s;
    rota_str line;
    int rc = rota_open_connection("all.day", PORT, &s);
    if (rc < 0)
        return rc;
    for (int i = 0; i < lines && rc >= 0; i++) {
        rc = rota_stream_write(s, "how is it going?\n", 17, NULL);
        if (rc == 0)
            rc = (int)rota_stream_readline(s, &line);
        if (rc > 0)
            rc = rota_sleep(rota_seconds(20));
    }
    rota_stream_close(s);
    return rc;
}

static ROTA_ASYNC(call_for_a_minute)
{
    int rc = 0;
    ROTA_TIMEOUT (rota_seconds(60), rc) {
        rc = call((int)rota_sim_random(6));
    }
    return rc;
}

static void an_hour(void)
{
    rota_time end = rota_now() + rota_seconds(3600);
    for (int i = 0; i < CALLS; i++) {
        rota_task *t = rota_create_task(call_for_a_minute);
        if (rota_sim_random(10) == 0)
            rota_task_cancel(t, "changed his mind");
        rota_task_unref(t);
        CHECK_INT(rota_sleep(rota_seconds(3600) / CALLS / 2), 0);
        if (i == CALLS / 2)
            CHECK_INT(rota_sim_partition("all.day"), 0);
        if (i == CALLS / 2 + 2)
            CHECK_INT(rota_sim_heal(NULL), 0);
    }
    CHECK_INT(rota_sleep_until(end), 0);
}

static void ignore_failure(const rota_unhandled *what)
{
    (void)what; /* resets and cuts are this day's business */
}

static int a_day(void *arg)
{
    (void)arg;
    rota_set_unhandled_handler(ignore_failure);
    int listener = rota_listen("all.day", PORT, NULL);
    rota_task *server = rota_create_task(serve, listener);
    rota_time began = rota_now();
    an_hour();
    struct held first = held();
    for (int hour = 1; hour < HOURS; hour++)
        an_hour();
    struct held last = held();
    CHECK_INT(rota_now() - began, rota_seconds(3600) * HOURS);
    CHECK_INT(last.files, first.files);
    if (!test_sanitized()) { /* they hold on to what was freed */
        CHECK(last.maps <= first.maps + 2);
        CHECK(last.bytes <= first.bytes + 64 * 1024);
        CHECK(last.pages <= first.pages + 64);
    }
    rota_task_cancel(server, NULL);
    CHECK_INT(rota_await(server), -ROTA_ECHILD);
    return rota_close(listener);
}

/* PITFALL 64, PITFALL 47 */
TEST("after a day of service descriptors, mappings and memory are what they "
     "were after an hour")
{
    rota_sim_options options = { .net = { .latency = rota_ms(20),
                                          .jitter = rota_ms(30),
                                          .short_io = true,
                                          .reset_one_in = 200,
                                          .refuse_one_in = 50 } };
    for (uint64_t seed = 0; seed < 3; seed++) {
        test_note("seed %d", (int)seed);
        CHECK_INT(rota_sim_run(seed, a_day, NULL, &options), 0);
    }
}
