/*
 * The application under test. What each route is for is said by the tests in
 * app_test.c; most come twice, for a handler on the loop and on a thread.
 */
#include "shop.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "rota/thread.h"
#include "rota/web.h"

char shop_folder[] = "/tmp/rota_shop_XXXXXX";

/* ---------------------------------------------------------------- things */

ROTA_MODEL(Thing, (i64, id, read_only), (str, name, min_len(1), max_len(10)),
           (f64, price, gt(0)), (str_list, tags, optional, max_items(2)));
ROTA_MODEL(Text, (str, text));

ROTA_PARAMS(OneThing, path(i64, id, ge(1)));
ROTA_PARAMS(NewThing, body(Thing, thing));
ROTA_PARAMS(Everything, path(i64, id, ge(1)),
            query(i32, limit, def(5), ge(1), le(10)),
            header(str, token, name("X-Token"), min_len(3)),
            body(Thing, thing));
ROTA_PARAMS(Rest, path(str, rest));
ROTA_PARAMS(Named, query(str, name));
ROTA_PARAMS(Number, query(i32, n));

static Thing *copy(rota_request *r, const Thing *from, int64_t id)
{
    Thing *t = rota_arena_alloc(rota_request_arena(r), sizeof *t);
    if (!t)
        return NULL;
    *t = *from;
    t->id = id;
    return t;
}

static Thing *read_thing(rota_request *r, const OneThing *in)
{
    if (in->id > 99)
        return rota_http_error(r, 404, "no thing %lld", (long long)in->id);
    Thing lamp = { .name = ROTA_STR("lamp"), .price = 1.5 };
    return copy(r, &lamp, in->id);
}

static Thing *create_thing(rota_request *r, const NewThing *in)
{
    rota_set_header(r, "Location", "/things/1");
    return copy(r, &in->thing, 1);
}

static Thing *change_thing(rota_request *r, const Everything *in)
{
    return copy(r, &in->thing, in->id);
}

static None *delete_thing(rota_request *r, const OneThing *in)
{
    return in->id > 99 ? rota_http_error(r, 404, "gone") : NULL;
}

static Text *say(rota_request *r, rota_str text)
{
    Text *t = rota_arena_zalloc(rota_request_arena(r), sizeof *t);
    if (t)
        t->text = text;
    return t;
}

static Text *echo_rest(rota_request *r, const Rest *in)
{
    return say(r, in->rest);
}

static Text *tree(rota_request *r, const None *in)
{
    (void)in;
    return say(r, ROTA_STR("tree"));
}

ROTA_ROUTES(things, "/things",
            POST("", create_thing, NewThing, Thing, status(201)),
            POST("/tiny", create_thing, NewThing, Thing, body_limit(40)),
            GET("/{id}", read_thing, OneThing, Thing),
            PUT("/{id}", change_thing, Everything, Thing),
            DELETE("/{id}", delete_thing, OneThing, None));

/* --------------------------------------------------------------- answers */

static rota_response *text(rota_request *r, const None *in)
{
    (void)in;
    return rota_text(r, "t\xc3\xa4xt");
}

static int let_go; /* by what was deferred */

static void count_deferred(void *arg)
{
    let_go += *(int *)arg;
}

/* Says what earlier requests have deferred and was done since. */
static rota_response *deferred(rota_request *r, const None *in)
{
    static int one = 1;
    (void)in;
    char *text = rota_arena_printf(rota_request_arena(r), "%d", let_go);
    if (!text || rota_defer(count_deferred, &one) < 0)
        return rota_http_error(r, 503, "no memory");
    return rota_text(r, text);
}

static rota_response *html(rota_request *r, const None *in)
{
    (void)in;
    return rota_html(r, "<p>");
}

static rota_response *bytes(rota_request *r, const Named *in)
{
    char *type =
        rota_arena_strndup(rota_request_arena(r), in->name.ptr, in->name.len);
    return rota_bytes(r, type, "bytes", 5);
}

static rota_response *move(rota_request *r, const None *in)
{
    (void)in;
    return rota_redirect(r, 303, "/text");
}

static Text *add_header(rota_request *r, const Named *in)
{
    char *value =
        rota_arena_strndup(rota_request_arena(r), in->name.ptr, in->name.len);
    rota_set_header(r, "X-Name", value);
    return say(r, in->name);
}

/* A type of its own, unless it fails. */
static Text *typed(rota_request *r, const Number *in)
{
    rota_set_header(r, "content-TYPE", "application/hal+json");
    if (in->n >= 400)
        return rota_http_error(r, in->n, "failed");
    return say(r, ROTA_STR("typed"));
}

static Text *fail_with(rota_request *r, const Number *in)
{
    return rota_http_error(r, in->n, "status %d", in->n);
}

static Text *nothing(rota_request *r, const None *in)
{
    (void)r;
    (void)in;
    return NULL;
}

static None *accept_it(rota_request *r, const None *in)
{
    (void)in;
    rota_set_status(r, 202);
    return NULL;
}

static Text *describe(rota_request *r, const None *in)
{
    (void)in;
    char *all = rota_arena_printf(
        rota_request_arena(r), "%.*s %.*s ? %.*s, %.*s, from %.*s, %s",
        ROTA_STR_ARG(rota_request_method(r)),
        ROTA_STR_ARG(rota_request_path(r)), ROTA_STR_ARG(rota_request_query(r)),
        ROTA_STR_ARG(rota_request_header(r, "x-name")),
        ROTA_STR_ARG(rota_request_peer(r)),
        (const char *)rota_request_state(r));
    return say(r, rota_str_of(all));
}

static rota_response *file(rota_request *r, const Named *in)
{
    return rota_file_below(r, "in", in->name);
}

/* --------------------------------------------------- on the loop, or beside */

/* Ten pieces, with a rest between two of them. */
static rota_response *stream(rota_request *r, const Number *in)
{
    rota_response *out = rota_stream_out(r, "text/plain", in->n);
    int rc = out ? 0 : -ENOMEM;
    for (int i = 0; i < 10 && rc == 0; i++) {
        rc = rota_write_out(out, "0123456789", 10);
        if (rc == 0)
            rc = rota_sleep(rota_ms(1));
    }
    return out;
}

/* More than fits anywhere, so that writing must wait. */
static rota_response *flood(rota_request *r, const Number *in)
{
    static const char piece[10000] = { [0 ... 9999] = 'f' };
    rota_response *out = rota_stream_out(r, "text/plain", -1);
    int rc = out ? 0 : -ENOMEM;
    for (int i = 0; i < in->n && rc == 0; i++)
        rc = rota_write_out(out, piece, sizeof piece);
    rota_log(ROTA_LOG_INFO, "flood: %s", rota_strerror(rc));
    return out;
}

/* An error that is found when the answer has begun. */
static rota_response *half(rota_request *r, const None *in)
{
    (void)in;
    rota_response *out = rota_stream_out(r, "text/plain", -1);
    if (!out || rota_write_out(out, "half", 4) < 0)
        return NULL;
    return rota_http_error(r, 500, "the other half is missing");
}

static Text *slow(rota_request *r, const None *in)
{
    (void)in;
    int rc = rota_sleep(rota_seconds(3600));
    rota_log(ROTA_LOG_INFO, "slow: %s", rota_strerror(rc));
    return rota_http_error(r, 503, "%s", rota_strerror(rc));
}

/* Begins with a file when its time is up. */
static rota_response *late_file(rota_request *r, const None *in)
{
    (void)in;
    rota_ignore(rota_sleep(rota_seconds(3600)));
    return rota_file_below(r, "in", ROTA_STR("small.txt"));
}

/* Does not await: must look now and then. */
static Text *stubborn(rota_request *r, const None *in)
{
    (void)in;
    struct timespec nap = { 0, 1000 * 1000 };
    while (!rota_thread_cancelled())
        nanosleep(&nap, NULL);
    return rota_http_error(r, 503, "cancelled");
}

ROTA_ROUTES(both, "",
            GET("/loop/stream", stream, Number, Response, status(203)),
            GET("/thread/stream", stream, Number, Response, status(203),
                thread),
            GET("/loop/flood", flood, Number, Response, timeout(600)),
            GET("/thread/flood", flood, Number, Response, thread, timeout(600)),
            GET("/loop/half", half, None, Response),
            GET("/thread/half", half, None, Response, thread),
            GET("/loop/slow", slow, None, Text, timeout(0.05)),
            GET("/thread/slow", slow, None, Text, timeout(0.05), thread),
            GET("/thread/hard", stubborn, None, Text, timeout(0.05), thread),
            GET("/loop/file", late_file, None, Response, timeout(0.05)),
            GET("/loop/wait", slow, None, Text),
            GET("/thread/wait", slow, None, Text, thread));

ROTA_ROUTES(
    answers, "", GET("/text", text, None, Response),
    GET("/deferred", deferred, None, Response),
    GET("/html", html, None, Response), GET("/bytes", bytes, Named, Response),
    GET("/move", move, None, Response), GET("/header", add_header, Named, Text),
    GET("/typed", typed, Number, Text), GET("/fail", fail_with, Number, Text),
    GET("/nothing", nothing, None, Text),
    POST("/accept", accept_it, None, None),
    GET("/describe", describe, None, Text), GET("/file", file, Named, Response),
    GET("/tree/", tree, None, Text),
    GET("/rest/{rest...}", echo_rest, Rest, Text));

/* ------------------------------------------------------------ the process */

static void put_file(const char *name, size_t size)
{
    char path[128];
    static char data[64 * 1024];
    memset(data, 'd', sizeof data);
    snprintf(path, sizeof path, "%s/%s", shop_folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    CHECK(fd >= 0);
    while (size > 0) {
        size_t n = size < sizeof data ? size : sizeof data;
        CHECK_INT(write(fd, data, n), n);
        size -= n;
    }
    close(fd);
}

/* in/ is what /file may read; beside it lies what it may not. */
static void make_folder(void)
{
    CHECK(mkdtemp(shop_folder) != NULL);
    CHECK_INT(chdir(shop_folder), 0);
    put_file("outside.txt", 10);
    CHECK_INT(mkdir("in", 0755), 0);
    CHECK_INT(mkdir("in/sub", 0755), 0);
    put_file("in/small.txt", 10);
    put_file("in/empty.html", 0);
    put_file("in/piece.json", 64 * 1024);
    put_file("in/big.bin", SHOP_BIG);
    put_file("in/sub/inner.css", 20);
    CHECK_INT(symlink("../outside.txt", "in/out"), 0);
    CHECK_INT(symlink("/etc/passwd", "in/abs"), 0);
    CHECK_INT(symlink("..", "in/up"), 0);
    CHECK_INT(mkfifo("in/fifo", 0644), 0);
}

static int run(void *state)
{
    char *args[] = { "shop", "--port", "0", NULL };
    return rota_app_main(3, args, .title = "shop", .state = state,
                         .routers = { &things, &both, &answers });
}

void shop_start(struct process *p)
{
    make_folder();
    process_fork(p, run, "the state");
    process_want_port(p);
}

static void remove_below(const char *path)
{
    DIR *d = opendir(path);
    struct dirent *e;
    while (d && (e = readdir(d))) {
        char name[512];
        snprintf(name, sizeof name, "%s/%s", path, e->d_name);
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        if (e->d_type == DT_DIR)
            remove_below(name);
        else
            unlink(name);
    }
    if (d)
        closedir(d);
    rmdir(path);
}

void shop_stop(struct process *p)
{
    process_stop(p);
    remove_below(shop_folder);
}
