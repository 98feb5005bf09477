/*
 * OpenSSL without memory: each of its allocations fails once, from the reading
 * of certificates to the end of a connection. Whatever it makes of that, we
 * say that it failed, lose nothing, and go on with the next connection.
 */
#include <openssl/crypto.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ends.h"

/* ------------------------------------------------------------- its heap */

/* Before each block: whose it is. All of them are in a list. */
struct block {
    struct block *next, *prev;
    const char *file;
    int line;
    bool late; /* taken since the scenario began */
} __attribute__((aligned(32)));

static struct block heap = { .next = &heap, .prev = &heap };
static atomic_flag heap_lock = ATOMIC_FLAG_INIT;
static atomic_bool counting;
static atomic_long left; /* allocations before the one that fails */

/* The one that failed. */
static const char *failed_file;
static int failed_line;

static void lock(void)
{
    while (atomic_flag_test_and_set(&heap_lock))
        ;
}

static void unlock(void)
{
    atomic_flag_clear(&heap_lock);
}

static bool strikes(const char *file, int line)
{
    if (!atomic_load(&counting) || atomic_fetch_sub(&left, 1) != 1)
        return false;
    failed_file = file;
    failed_line = line;
    return true;
}

static void enter(struct block *b, const char *file, int line)
{
    lock();
    *b = (struct block){ heap.next, &heap, file, line, atomic_load(&counting) };
    heap.next->prev = b;
    heap.next = b;
    unlock();
}

static void leave(struct block *b)
{
    lock();
    b->prev->next = b->next;
    b->next->prev = b->prev;
    unlock();
}

static void *take(size_t size, const char *file, int line)
{
    struct block *b = strikes(file, line) ? NULL : malloc(sizeof *b + size);
    if (!b)
        return NULL;
    enter(b, file, line);
    return b + 1;
}

static void give(void *p, const char *file, int line)
{
    (void)file, (void)line;
    if (!p)
        return;
    leave((struct block *)p - 1);
    free((struct block *)p - 1);
}

static void *take_again(void *p, size_t size, const char *file, int line)
{
    if (!p)
        return take(size, file, line);
    if (size == 0) {
        give(p, file, line);
        return NULL;
    }
    if (strikes(file, line))
        return NULL;
    struct block *b = (struct block *)p - 1;
    leave(b);
    struct block *more = realloc(b, sizeof *b + size);
    b = more ? more : b;
    enter(b, file, line);
    return more ? b + 1 : NULL;
}

__attribute__((constructor)) static void use_heap(void)
{
    if (!CRYPTO_set_mem_functions(take, take_again, give))
        abort();
}

/* ---------------------------------------------------------- the scenario */

enum { SIZE = 30000 }; /* more than a record */

struct scene {
    rota_tls_context *client, *server;
    rota_stream *near, *far;
    int far_rc;
    bool unsaid; /* an error came without a sentence */
};

/* Notes what is said of an error. */
static int said(struct scene *c, int rc)
{
    if (rc < 0 && (!rota_errmsg(rc) || !*rota_errmsg(rc)))
        c->unsaid = true;
    return rc;
}

static int make_contexts(struct scene *c)
{
    static const char *const protocols[] = { "echo", NULL };
    rota_tls_options o = { .ca_file = pki_file("root.crt"),
                           .crl_file = pki_file("root.crl"),
                           .alpn = protocols };
    int rc = said(c, rota_tls_context_new(ROTA_TLS_CLIENT, &o, &c->client));
    if (rc < 0)
        return rc;
    o = (rota_tls_options){ .cert_file = pki_file("server.crt"),
                            .key_file = pki_file("server.key"),
                            .alpn = protocols };
    rc = said(c, rota_tls_context_new(ROTA_TLS_SERVER, &o, &c->server));
    return rc < 0 ? rc : said(c, rota_tls_context_reload(c->server));
}

static void connect_both(struct scene *c)
{
    int fds[2];
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    CHECK_INT(rota_stream_new(fds[0], &c->near), 0);
    CHECK_INT(rota_stream_new(fds[1], &c->far), 0);
}

static int echo(void *arg)
{
    struct scene *c = arg;
    static char data[SIZE];
    int rc = said(c, rota_stream_start_tls(c->far, c->server, NULL));
    if (rc == 0)
        rc = said(c, rota_stream_readexactly(c->far, data, SIZE, NULL));
    if (rc == 0)
        rc = said(c, rota_stream_write(c->far, data, SIZE, NULL));
    c->far_rc = rc;
    rota_stream_close(c->far);
    return rc;
}

static int talk(struct scene *c)
{
    static char data[SIZE];
    rota_start_tls_options o = { .server_hostname = "localhost" };
    rota_tls_certificate cert;
    int rc = said(c, rota_stream_start_tls(c->near, c->client, &o));
    if (rc == 0)
        rc = said(c, rota_stream_write(c->near, data, SIZE, NULL));
    if (rc == 0)
        rc = said(c, rota_stream_write_eof(c->near));
    if (rc == 0)
        rc = said(c, rota_stream_readexactly(c->near, data, SIZE, NULL));
    if (rc == 0)
        rc = said(c, (int)rota_stream_read(c->near, data, 1));
    return rc < 0 ? rc : rota_stream_tls_peer(c->near, &cert);
}

static int play(struct scene *c)
{
    connect_both(c);
    rota_task *t = rota_spawn(echo, c, NULL);
    int rc = talk(c);
    rota_stream_close(c->near);
    rota_ignore(rota_await(t));
    return rc < 0 ? rc : c->far_rc;
}

/*
 * OpenSSL 3.0 takes the lack of memory for the lack of a signature algorithm,
 * and says nothing (SSL_CTX_new, in ssl_setup_sig_algs): the context is
 * without it until it is reloaded.
 */
static bool is_taken_for_want(void)
{
    return failed_file && strstr(failed_file, "crypto/evp/pmeth_lib.c");
}

/*
 * Nor does it ask a provider twice for its algorithms: one of which a name had
 * no memory is lost to the process (3.0, ossl_method_construct).
 */
static bool is_lost_for_good(void)
{
    return failed_file && strstr(failed_file, "crypto/core_namemap.c");
}

static int play_again(struct scene *c)
{
    if (!c->client || !c->server)
        return 0;
    if (is_taken_for_want()) {
        CHECK_INT(rota_tls_context_reload(c->client), 0);
        CHECK_INT(rota_tls_context_reload(c->server), 0);
    }
    return play(c);
}

static int run(void *arg)
{
    struct scene *c = arg;
    int rc = make_contexts(c);
    if (rc == 0)
        rc = play(c);
    atomic_store(&counting, false);
    int again = play_again(c);
    if (again < 0 && !is_lost_for_good()) /* what failed once works now */
        test_fail(TEST_AT, "%s:%d fails (%d), and afterwards: %s", failed_file,
                  failed_line, rc, rota_errmsg(again));
    rota_tls_context_unref(c->client);
    rota_tls_context_unref(c->server);
    return rc;
}

/* --------------------------------------------------------------- a round */

enum { GOOD = 0, DONE = 3, BAD = 99, ROUNDS_MOST = 50000, EVERY = 31 };

static void late(int number)
{
    (void)number;
    dprintf(STDERR_FILENO, "# %s:%d fails: it takes too long\n", failed_file,
            failed_line);
    _exit(BAD);
}

/* A cache of the algorithms that were asked for; it is the library's, and of
 * limited size. */
static bool is_kept(const struct block *b)
{
    return strstr(b->file, "crypto/property/property.c");
}

static bool check_heap(void)
{
    bool clean = true;
    OPENSSL_thread_stop();
    for (struct block *b = heap.next; b != &heap; b = b->next) {
        if (!b->late || is_kept(b))
            continue;
        dprintf(STDERR_FILENO, "# %s:%d fails: %s:%d is lost\n",
                failed_file ? failed_file : "nothing", failed_line, b->file,
                b->line);
        clean = false;
    }
    return clean;
}

static void round_main(long nth)
{
    struct scene c = { 0 };
    signal(SIGALRM, late);
    alarm(20);
    left = nth;
    atomic_store(&counting, true);
    int rc = rota_run(run, &c, NULL);
    bool bad = c.unsaid || (rc < 0 && !failed_file);
    if (bad)
        dprintf(STDERR_FILENO, "# %s:%d fails: %d, %s\n",
                failed_file ? failed_file : "nothing", failed_line, rc,
                c.unsaid ? "without a word" : "why?");
    bad |= !check_heap();
    _exit(bad ? BAD : failed_file ? GOOD : DONE);
}

/* Every one takes minutes: MEMORY_EVERY=1. */
static void sweep(void)
{
    const char *from = getenv("MEMORY_FROM"), *every = getenv("MEMORY_EVERY");
    for (long nth = from ? atol(from) : 1; nth < ROUNDS_MOST;
         nth += every ? atol(every) : EVERY) {
        fflush(NULL);
        pid_t pid = fork();
        if (pid == 0)
            round_main(nth);
        int status = 0;
        CHECK_INT(waitpid(pid, &status, 0), pid);
        if (WIFSIGNALED(status))
            test_fail(TEST_AT, "allocation %ld: died of signal %d", nth,
                      WTERMSIG(status));
        if (WEXITSTATUS(status) == DONE)
            return;
        if (WEXITSTATUS(status) != GOOD)
            test_fail(TEST_AT, "allocation %ld: see above", nth);
    }
    test_fail(TEST_AT, "still failing after %d rounds", ROUNDS_MOST);
}

/* PITFALL 63 */
TEST_LIMITED("no allocation of OpenSSL's that fails is fatal, or loses memory",
             600)
{
    struct scene c = { 0 };
    pki_usual();
    pki_revoke("root.crl", "root", (const char *const[]){ NULL });
    CHECK_INT(rota_run(run, &c, NULL), 0); /* fills what it keeps for good */
    sweep();
    pki_end();
}
