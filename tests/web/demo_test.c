/*
 * The demo program: what its routes answer, that nothing of what they wait
 * for makes another wait, what requests cost, and how it starts and ends. The
 * program is the one named by DEMO in the environment.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cores.h"
#include "crowd.h"
#include "http/client.h"
#include "http/process.h"
#include "test.h"

#define COUNT_OF(table) (sizeof(table) / sizeof *(table))

static char folder[] = "/tmp/rota_demo_XXXXXX";
static char database[64];

static char *program(void)
{
    char *path = getenv("DEMO");
    if (!path)
        test_skip("DEMO does not name the program");
    return path;
}

static void make_folder(void)
{
    char path[64];
    CHECK(mkdtemp(folder) != NULL);
    snprintf(database, sizeof database, "%s/shop.db", folder);
    snprintf(path, sizeof path, "%s/hello.txt", folder);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    CHECK_INT(write(fd, "hello\n", 6), 6);
    close(fd);
}

static void start(struct process *p)
{
    char *path = program();
    make_folder();
    process_exec(p, (char *[]){ path, "--port", "0", "--database", database,
                                "--files", folder, NULL });
    process_want_port(p);
}

static void remove_folder(void)
{
    static const char *const names[] = { "shop.db", "shop.db-wal",
                                         "shop.db-shm", "hello.txt" };
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char path[64];
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    CHECK_INT(rmdir(folder), 0);
}

static void want_exit(struct process *p, int status)
{
    int got = process_end(p, 0);
    if (!WIFEXITED(got) || WEXITSTATUS(got) != status)
        test_fail(TEST_AT, "wait status %#x: %s", (unsigned)got,
                  process_log(p));
}

static void stop(struct process *p)
{
    process_stop(p);
    remove_folder();
}

static void nap_ms(long ms)
{
    struct timespec t = { ms / 1000, ms % 1000 * 1000000 };
    nanosleep(&t, NULL);
}

static void ask(struct process *p, const char *line, const char *body,
                struct reply *r)
{
    char text[2048];
    snprintf(text, sizeof text,
             "%s HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
             "Content-Length: %zu\r\n\r\n%s",
             line, strlen(body), body);
    client_ask(p->port, text, r);
}

/* ----------------------------------------------------------------- routes */

struct asked {
    const char *line, *body; /* of the request */
    int status;
    const char *part; /* of the answer */
};

static void want_all(const struct asked *asked, size_t count)
{
    struct process p;
    start(&p);
    for (size_t i = 0; i < count; i++) {
        struct reply r;
        ask(&p, asked[i].line, asked[i].body, &r);
        if (r.status != asked[i].status || !strstr(r.body, asked[i].part))
            test_fail(TEST_AT, "%s %s is %d, not %d with %s: %s", asked[i].line,
                      asked[i].body, r.status, asked[i].status, asked[i].part,
                      r.body);
        reply_free(&r);
    }
    stop(&p);
}

TEST("every route of the demo answers")
{
    static const struct asked asked[] = {
        { "GET /", "", 200, "<html" },
        { "GET /plaintext", "", 200, "Hello, World!" },
        { "GET /json", "", 200, "{\"message\":\"Hello, World!\"}" },
        { "GET /async?seconds=0.01", "", 200, "on the loop" },
        { "GET /thread?seconds=0.01", "", 200, "on a thread" },
        { "GET /cpu?n=20", "", 200, "{\"n\":20,\"value\":6765}" },
        { "GET /file?name=hello.txt", "", 200, "hello\n" },
        { "GET /items", "", 200, "\"name\":\"lamp\"" },
        { "GET /items?limit=1&offset=1", "", 200, "[{\"id\":2," },
        { "GET /items?work=1000", "", 200, "\"name\":\"lamp\"" },
        { "GET /items/1", "", 200, "\"price\":19.5" },
        { "POST /items", "{\"name\":\"bed\",\"price\":99}", 201, "\"id\":4" },
        { "PUT /items/4", "{\"name\":\"bed\",\"price\":88,\"in_stock\":false}",
          200, "\"price\":88" },
        { "GET /items/4", "", 200, "\"in_stock\":false" },
        { "DELETE /items/4", "", 204, "" },
        { "GET /items/4", "", 404, "no item 4" },
    };
    want_all(asked, COUNT_OF(asked));
}

TEST("every route of the demo refuses what is wrong")
{
    static const struct asked asked[] = {
        { "GET /nope", "", 404, "404" },
        { "POST /plaintext", "", 405, "405" },
        { "PATCH /items/1", "", 405, "405" },
        { "GET /async?seconds=-1", "", 422, "\"loc\":\"seconds\"" },
        { "GET /async?seconds=x", "", 422, "\"loc\":\"seconds\"" },
        { "GET /thread?seconds=1e9", "", 422, "\"loc\":\"seconds\"" },
        { "GET /cpu?n=46", "", 422, "\"loc\":\"n\"" },
        { "GET /file", "", 422, "\"loc\":\"name\"" },
        { "GET /file?name=nope", "", 404, "no such file" },
        { "GET /file?name=../shop.db", "", 404, "" },
        { "GET /items?limit=0&offset=-1", "", 422, "\"loc\":\"offset\"" },
        { "GET /items/0", "", 422, "\"loc\":\"id\"" },
        { "GET /items/9999", "", 404, "no item 9999" },
        { "PUT /items/9999", "{\"name\":\"x\",\"price\":1}", 404, "9999" },
        { "DELETE /items/9999", "", 404, "no item 9999" },
        { "POST /items", "{\"name\":\"lamp\",\"price\":1}", 409, "exists" },
        { "POST /items", "{\"name\":\"\",\"price\":0}", 422,
          "\"loc\":\"price\"" },
        { "POST /items", "{\"name\":", 400, "line 1, column 9" },
        { "POST /items", "", 422, "\"in\":\"body\"" },
    };
    want_all(asked, COUNT_OF(asked));
}

TEST("the demo's answers have their types, and a new item its place")
{
    static const struct {
        const char *line, *body, *header, *value;
    } asked[] = {
        { "GET /", "", "Content-Type", "text/html; charset=utf-8" },
        { "GET /plaintext", "", "Content-Type", "text/plain; charset=utf-8" },
        { "GET /json", "", "Content-Type", "application/json" },
        { "GET /file?name=hello.txt", "", "Content-Type",
          "text/plain; charset=utf-8" },
        { "GET /items", "", "Content-Type", "application/json" },
        { "GET /nope", "", "Content-Type", "application/problem+json" },
        { "POST /items", "{\"name\":\"bed\",\"price\":99}", "Location",
          "/items/4" },
        { "POST /plaintext", "", "Allow", "GET, HEAD, OPTIONS" },
    };
    struct process p;
    start(&p);
    for (size_t i = 0; i < COUNT_OF(asked); i++) {
        struct reply r;
        char value[128] = "";
        ask(&p, asked[i].line, asked[i].body, &r);
        reply_header(&r, asked[i].header, value, sizeof value);
        CHECK_STR(value, asked[i].value);
        reply_free(&r);
    }
    stop(&p);
}

/* --------------------------------------------------- who waits for nobody */

static void want_plaintext(struct client *c)
{
    CHECK(client_say(c, "GET /plaintext HTTP/1.1\r\nHost: a\r\n\r\n"));
    client_want_body(c, 200, "Hello, World!");
}

/* The same by somebody who has just come. */
static void want_plaintext_anew(struct process *p)
{
    struct client c;
    client_open(&c, p->port);
    want_plaintext(&c);
    client_close(&c);
}

/* Asks for /plaintext again and again until all of the crowd were answered;
 * how often, before the first of them was. */
static size_t ask_meanwhile(struct process *p, struct crowd *crowd)
{
    size_t before = 0;
    while (!crowd_done(crowd)) {
        want_plaintext_anew(p);
        crowd_turn(crowd, 5);
        before += crowd->answered == 0;
    }
    CHECK_INT(crowd->answered, crowd->count);
    return before;
}

/* On a machine that stands still the crowd may be done before anybody else
 * has asked: what waits or computes is tried again with more of it, until the
 * test's limit. */
TEST_LIMITED("200 requests wait on threads while others are answered", 120)
{
    struct process p;
    struct crowd crowd;
    char path[64];
    size_t before = 0;
    start(&p);
    for (int seconds = 1; before == 0; seconds *= 3) {
        snprintf(path, sizeof path, "/thread?seconds=%d", seconds);
        crowd_open(&crowd, p.port, 200, path);
        before = ask_meanwhile(&p, &crowd);
        crowd_close(&crowd);
    }
    stop(&p);
}

/* How many threads of the process run, or are ready to. */
static long running_threads(struct process *p)
{
    char path[320], line[512];
    long n = 0;
    snprintf(path, sizeof path, "/proc/%d/task", (int)p->pid);
    DIR *d = opendir(path);
    struct dirent *e;
    CHECK(d != NULL);
    while ((e = readdir(d))) {
        snprintf(path, sizeof path, "/proc/%d/task/%s/stat", (int)p->pid,
                 e->d_name);
        FILE *f = fopen(path, "r");
        if (f && fgets(line, sizeof line, f))
            n += strrchr(line, ')') &&
                 strncmp(strrchr(line, ')'), ") R", 3) == 0;
        if (f)
            fclose(f);
    }
    closedir(d);
    return n;
}

/* Computes fib(n), four times for each core. True when others were answered
 * meanwhile, and all cores were seen at work. */
static bool compute_meanwhile(struct process *p, int n, long cores)
{
    struct crowd crowd;
    char path[64];
    long most = 0;
    size_t before = 0;
    snprintf(path, sizeof path, "/cpu?n=%d", n);
    crowd_open(&crowd, p->port, 4 * (size_t)cores, path);
    while (!crowd_done(&crowd)) {
        long running = running_threads(p);
        most = running > most ? running : most;
        want_plaintext_anew(p);
        crowd_turn(&crowd, 5);
        before += crowd.answered == 0;
    }
    printf("# %ld of %ld cores at once\n", most, cores);
    CHECK_INT(crowd.answered, crowd.count);
    crowd_close(&crowd);
    return most >= cores && before > 0;
}

TEST_LIMITED("computing takes all cores while others are answered", 120)
{
    enum { SLOW_FIRST = 36, FIRST = 40, LAST = 45 }; /* each 1.6 times */
    struct process p;
    int n = test_sanitized() ? SLOW_FIRST : FIRST;
    start(&p);
    while (!compute_meanwhile(&p, n, cores_usable()))
        CHECK(n++ < LAST);
    stop(&p);
}

static void ask_for_work(struct process *p, struct crowd *c, long work)
{
    char path[64];
    snprintf(path, sizeof path, "/items?limit=1&work=%ld", work);
    crowd_open(c, p->port, 1, path);
}

/* True when others were answered during both queries, and the one that came
 * first was still at work when the quick one was answered. */
static bool query_meanwhile(struct process *p, long quick_work, long slow_work)
{
    struct crowd slow, quick;
    ask_for_work(p, &slow, slow_work);
    ask_for_work(p, &quick, quick_work);
    size_t before = ask_meanwhile(p, &quick);
    crowd_turn(&slow, 0);
    bool at_once = slow.answered == 0;
    size_t after = ask_meanwhile(p, &slow);
    crowd_close(&quick);
    crowd_close(&slow);
    return before > 0 && at_once && after > 0;
}

TEST_LIMITED("two slow queries are served at once, and keep nobody waiting",
             120)
{
    struct process p;
    long work = test_sanitized() ? 200000 : 1000000;
    start(&p);
    while (!query_meanwhile(&p, work, 10 * work))
        work *= 2;
    stop(&p);
}

/* ------------------------------------------------------------ what it costs */

enum {
    BYTES_PER_REQUEST = 6 * 1024,
    BYTES_PER_IDLE = 1024,
};

static void report(const char *what, long before, long after, size_t count)
{
    printf("# %s: %ld KiB, then %ld KiB: %.0f bytes each\n", what, before,
           after, (double)(after - before) * 1024 / (double)count);
}

TEST_LIMITED("10 000 requests wait at once, for little memory", 120)
{
    size_t count = test_sanitized() ? 500 : 10000;
    struct process p;
    struct crowd crowd;
    struct client c;
    if (!crowd_allow(count + 200))
        test_skip("too few descriptors are allowed");
    start(&p);
    client_open(&c, p.port);
    want_plaintext(&c);
    long before = process_memory(&p), most = before;
    crowd_open(&crowd, p.port, count, "/async?seconds=5");
    while (!crowd_done(&crowd)) {
        want_plaintext(&c);
        long now = process_memory(&p);
        most = now > most ? now : most;
        crowd_turn(&crowd, 20);
    }
    CHECK_INT(crowd.answered, count);
    report("in flight", before, most, count);
    if (!test_sanitized())
        CHECK((size_t)(most - before) * 1024 < count * BYTES_PER_REQUEST);
    client_close(&c);
    crowd_close(&crowd);
    stop(&p);
}

TEST_LIMITED("an idle connection costs under 1 KiB", 120)
{
    size_t count = test_sanitized() ? 500 : 5000;
    struct process p;
    struct crowd crowd;
    struct client c;
    if (!crowd_allow(count + 200))
        test_skip("too few descriptors are allowed");
    start(&p);
    client_open(&c, p.port);
    want_plaintext(&c);
    long before = process_memory(&p);
    crowd_open(&crowd, p.port, count, "/plaintext");
    crowd_wait(&crowd);
    CHECK_INT(crowd.answered, count);
    want_plaintext(&c);
    long after = process_memory(&p);
    report("idle", before, after, count);
    if (!test_sanitized())
        CHECK((size_t)(after - before) * 1024 < count * BYTES_PER_IDLE);
    client_close(&c);
    crowd_close(&crowd);
    stop(&p);
}

/* ------------------------------------------------------------ start and end */

/* Whoever has asked so far has been read, and handled as far as it goes: who
 * comes later is answered. */
static void want_all_read(struct process *p)
{
    for (int i = 0; i < 10; i++) {
        want_plaintext_anew(p);
        nap_ms(10);
    }
}

TEST_LIMITED("SIGTERM answers all that is in flight, and takes nobody new", 60)
{
    struct process p;
    struct crowd crowd;
    struct client idle;
    start(&p);
    client_open(&idle, p.port);
    want_plaintext(&idle);
    crowd_open(&crowd, p.port, 100, "/async?seconds=1");
    want_all_read(&p);
    CHECK_INT(kill(p.pid, SIGTERM), 0);
    client_want_end(&idle);
    client_close(&idle);
    process_want_log(&p, "answering what has been asked");
    CHECK(!client_try(&idle, p.port));
    crowd_wait(&crowd);
    CHECK_INT(crowd.answered, 100);
    crowd_close(&crowd);
    want_exit(&p, 0);
    remove_folder();
}

TEST_LIMITED("the second signal ends it at once", 60)
{
    static const struct {
        const char *path;
        int status;
    } asked[] = { { "/async?seconds=3600", 0 }, { "/thread?seconds=3600", 1 } };
    for (size_t i = 0; i < COUNT_OF(asked); i++) {
        struct process p;
        struct crowd crowd;
        strcpy(folder, "/tmp/rota_demo_XXXXXX");
        start(&p);
        crowd_open(&crowd, p.port, 3, asked[i].path);
        want_all_read(&p);
        CHECK_INT(kill(p.pid, SIGTERM), 0);
        process_want_log(&p, "answering what has been asked");
        CHECK_INT(kill(p.pid, SIGINT), 0);
        want_exit(&p, asked[i].status);
        crowd_wait(&crowd);
        CHECK_INT(crowd.refused, 3);
        crowd_close(&crowd);
        remove_folder();
    }
}

/* One line on stderr, with these in it, and exit status 1. */
static void want_complaint(char *const argv[], const char *first,
                           const char *second)
{
    struct process p;
    setenv("ROTA_LOG", "warning", 1); /* not what else is worth telling */
    process_exec(&p, argv);
    want_exit(&p, 1);
    const char *log = process_log(&p), *end = strchr(log, '\n');
    CHECK_HAS(log, "demo: ");
    CHECK_HAS(log, first);
    CHECK_HAS(log, second);
    if (!end || end[1] != '\0')
        test_fail(TEST_AT, "not one line: %s", log);
}

TEST("what keeps the demo from starting is one line that says what to do")
{
    char *demo = program(), port[16];
    struct process p;
    start(&p);
    snprintf(port, sizeof port, "%d", p.port);
    want_complaint(
        (char *[]){ demo, "--port", port, "--database", ":memory:", NULL },
        port, "--port");
    want_complaint((char *[]){ demo, "--port", "0", "--database",
                               "/dev/null/shop.db", NULL },
                   "/dev/null/shop.db", "--database");
    want_complaint(
        (char *[]){ demo, "--port", "0", "--database", folder, NULL }, folder,
        "--database");
    want_complaint((char *[]){ demo, "--prot", "0", NULL }, "--prot", "--help");
    want_complaint((char *[]){ demo, "--port", "http", NULL }, "http",
                   "0 to 65535");
    want_complaint((char *[]){ demo, "--database", NULL }, "--database",
                   "--help");
    stop(&p);
}
