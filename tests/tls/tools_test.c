/* Against what others have made: openssl's client and server, curl, sslscan. */
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "ends.h"

enum { ARGS = 32 };

static int port_of(int fd)
{
    struct sockaddr_in in;
    socklen_t size = sizeof in;
    CHECK_INT(getsockname(fd, (struct sockaddr *)&in, &size), 0);
    return ntohs(in.sin_port);
}

/* What a tool said, on both its channels, and how it ended. */
struct said {
    int status;
    char text[32768];
};

/* Runs a line of words that are parted by single spaces, with the input. */
static const struct said *run_tool(const char *input, const char *format, ...)
{
    static struct said said;
    char line[2048], *at = line;
    const char *argv[ARGS];
    int argc = 0;
    va_list args;
    va_start(args, format);
    CHECK(vsnprintf(line, sizeof line, format, args) < (int)sizeof line);
    va_end(args);
    for (char *word; (word = strsep(&at, " "));) {
        CHECK(argc < ARGS - 1);
        argv[argc++] = word;
    }
    argv[argc] = NULL;
    rota_process_options o = { .in = ROTA_PROCESS_PIPE,
                               .out = ROTA_PROCESS_PIPE,
                               .err = ROTA_PROCESS_STDOUT };
    rota_process *p;
    int status;
    CHECK_INT(rota_process_run(argv, &o, input, strlen(input), &status, &p), 0);
    rota_str out = rota_process_output(p);
    CHECK(out.len < sizeof said.text);
    memcpy(said.text, out.ptr ? out.ptr : "", out.len);
    said.text[out.len] = '\0';
    said.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    rota_process_free(p);
    return &said;
}

/* ---------------------------------------------------------------- our server */

struct service {
    rota_tls_context *tls;
    rota_server *server;
    int port;
    int rc;        /* of the last connection */
    char why[WHY]; /* it failed */
};

static bool begins(rota_str line, const char *word)
{
    size_t len = strlen(word);
    return line.len >= len && memcmp(line.ptr, word, len) == 0;
}

/* Answers each line by itself, in capitals; "GET ..." as a web server. That,
 * and "quit", is the last. */
static int answer(rota_stream *s, rota_str line)
{
    static const char page[] = "HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\n"
                               "hello\n";
    char text[256];
    size_t n = line.len < sizeof text ? line.len : sizeof text;
    if (begins(line, "GET "))
        return rota_stream_write(s, page, sizeof page - 1, NULL);
    for (size_t i = 0; i < n; i++)
        text[i] = (char)(line.ptr[i] >= 'a' && line.ptr[i] <= 'z'
                             ? line.ptr[i] - 'a' + 'A'
                             : line.ptr[i]);
    return rota_stream_write(s, text, n, NULL);
}

static int serve(rota_stream *s, void *arg)
{
    struct service *v = arg;
    rota_str line;
    bool last = false;
    *v->why = '\0';
    ssize_t n = rota_stream_start_tls(s, v->tls, NULL);
    while (n >= 0 && !last && (n = rota_stream_readline(s, &line)) > 0) {
        last = begins(line, "GET ") || begins(line, "quit");
        n = answer(s, line);
    }
    v->rc = (int)n;
    if (n < 0)
        snprintf(v->why, sizeof v->why, "%s", rota_errmsg((int)n));
    return 0;
}

static void begin(struct service *v, rota_tls_context *tls)
{
    int listener = rota_listen("127.0.0.1", 0, NULL);
    *v = (struct service){ .tls = tls, .port = port_of(listener) };
    CHECK_INT(rota_server_start(listener, serve, v, &v->server), 0);
}

static void end(struct service *v)
{
    rota_server_close(v->server);
    CHECK_INT(rota_server_wait_closed(v->server), 0);
    rota_server_free(v->server);
    rota_tls_context_unref(v->tls);
}

/* An openssl client that says a line, and goes when it has its answer. */
static const struct said *client(const struct service *v, const char *more)
{
    return run_tool(
        "hello\nquit\n",
        "openssl s_client -ign_eof -connect 127.0.0.1:%d -servername "
        "localhost -verify_hostname localhost "
        "-verify_return_error -CAfile %s%s%s",
        v->port, pki_file("root.crt"), *more ? " " : "", more);
}

static int serves_openssl(void *arg)
{
    (void)arg;
    const char *const protocols[] = { "h2", "http/1.1", NULL };
    struct service v;
    begin(&v, SERVER_WITH(.alpn = protocols));
    const struct said *s = client(&v, "-alpn http/1.1");
    CHECK_HAS(s->text, "Verify return code: 0 (ok)");
    CHECK_HAS(s->text, "New, TLSv1.3");
    CHECK_HAS(s->text, "ALPN protocol: http/1.1");
    CHECK_HAS(s->text, "HELLO");
    s = client(&v, "-tls1_2");
    CHECK_HAS(s->text, "New, TLSv1.2");
    CHECK_HAS(s->text, "Secure Renegotiation IS supported");
    CHECK_HAS(s->text, "HELLO");
    s = client(&v, "-alpn smtp");
    CHECK_HAS(s->text, "no application protocol");
    end(&v);
    return 0;
}

TEST_LIMITED("openssl s_client is served, by TLS 1.2 and 1.3", 120)
{
    test_needs_kernel();
    run_tls(serves_openssl);
}

static int refuses_openssl(void *arg)
{
    (void)arg;
    struct service v;
    begin(&v, usual_server());
    const struct said *s = client(&v, "-tls1_1 -cipher DEFAULT@SECLEVEL=0");
    CHECK_HAS(s->text, "protocol version");
    CHECK_INT(v.rc, -EPROTONOSUPPORT);
    s = client(&v, "-tls1_2 -cipher AES128-SHA");
    CHECK_HAS(s->text, "handshake failure");
    CHECK_INT(v.rc, -EPROTO);
    CHECK_HAS(v.why, "no cipher in common");
    end(&v);
    return 0;
}

TEST_LIMITED("openssl s_client is refused with what is old and weak", 120)
{
    test_needs_kernel();
    run_tls(refuses_openssl);
}

static int refuses_renegotiation(void *arg)
{
    (void)arg;
    struct service v;
    begin(&v, usual_server());
    const struct said *s = run_tool(
        "R\n", "openssl s_client -connect 127.0.0.1:%d -tls1_2", v.port);
    CHECK_HAS(s->text, "RENEGOTIATING");
    CHECK_HAS(s->text, "no renegotiation");
    CHECK(s->status != 0);
    end(&v);
    return 0;
}

TEST_LIMITED("a renegotiation is refused", 120)
{
    test_needs_kernel();
    run_tls(refuses_renegotiation);
}

static int asks_openssl(void *arg)
{
    (void)arg;
    struct service v;
    char more[512];
    PKI(.name = "me", .issuer = "root");
    begin(&v, SERVER_WITH(.ca_file = pki_file("root.crt"),
                          .verify_mode = ROTA_TLS_CERT_REQUIRED));
    snprintf(more, sizeof more, "-cert %s -key %s", pki_file("me.crt"),
             pki_file("me.key"));
    const struct said *s = client(&v, more);
    CHECK_HAS(s->text, "Acceptable client certificate CA names");
    CHECK_HAS(s->text, "HELLO");
    s = client(&v, "");
    CHECK_HAS(s->text, "certificate required");
    CHECK_INT(v.rc, -EACCES);
    CHECK_HAS(v.why, "no certificate");
    end(&v);
    return 0;
}

TEST_LIMITED("openssl s_client shows its certificate, or is sent away", 120)
{
    test_needs_kernel();
    run_tls(asks_openssl);
}

static rota_tls_context *choose(const char *name, void *arg)
{
    return name && strcmp(name, "strict.example") == 0 ? arg : NULL;
}

static int keeps_hosts_apart(void *arg)
{
    (void)arg;
    struct service v;
    static const char *const versions[] = { "-tls1_2", "-tls1_3" };
    rota_tls_context *strict =
        SERVER_WITH(.ca_file = pki_file("root.crt"),
                    .verify_mode = ROTA_TLS_CERT_REQUIRED);
    begin(&v, SERVER_WITH(.sni_callback = choose, .sni_arg = strict));
    for (int i = 0; i < 2; i++) {
        const char *file = pki_file("session"), *version = versions[i];
        static const char line[] = "openssl s_client -connect 127.0.0.1:%d "
                                   "-ign_eof -servername %s %s %s %s";
        const struct said *s =
            run_tool("hello\nquit\n", line, v.port, "localhost", version,
                     "-sess_out", file);
        CHECK_HAS(s->text, "HELLO");
        /* It is good where it was given, ... */
        s = run_tool("hello\nquit\n", line, v.port, "localhost", version,
                     "-sess_in", file);
        CHECK_HAS(s->text, "Reused, TLSv1.");
        CHECK_HAS(s->text, "HELLO");
        /* ... and does not stand for a certificate elsewhere. */
        s = run_tool("hello\nquit\n", line, v.port, "strict.example", version,
                     "-sess_in", file);
        CHECK(!strstr(s->text, "HELLO"));
        CHECK_INT(v.rc, -EACCES);
    }
    end(&v);
    rota_tls_context_unref(strict);
    return 0;
}

TEST_LIMITED("a session with one host is none with another", 120)
{
    test_needs_kernel();
    run_tls(keeps_hosts_apart);
}

static int serves_curl(void *arg)
{
    (void)arg;
    struct service v;
    PKI(.name = "expired", .issuer = "root", .names = "DNS:localhost",
        .from = -9, .to = -1);
    PKI(.name = "other", .issuer = "root", .names = "DNS:other.example");
    static const struct {
        const char *cert, *why;
        int status;
    } cases[] = { { "server", "hello\n", 0 },
                  { "expired", "expired", 60 },
                  { "other", "no alternative certificate subject name", 60 } };
    for (int i = 0; i < 3; i++) {
        char cert[32], key[32];
        snprintf(cert, sizeof cert, "%s.crt", cases[i].cert);
        snprintf(key, sizeof key, "%s.key", cases[i].cert);
        begin(&v, SERVER_WITH(.cert_file = pki_file(cert),
                              .key_file = pki_file(key)));
        const struct said *s =
            run_tool("",
                     "curl -sS -m 60 --noproxy * --cacert %s --resolve "
                     "localhost:%d:127.0.0.1 https://localhost:%d/",
                     pki_file("root.crt"), v.port, v.port);
        CHECK_INT(s->status, cases[i].status);
        CHECK_HAS(s->text, cases[i].why);
        end(&v);
    }
    return 0;
}

TEST_LIMITED("curl is served, and refuses what it should", 120)
{
    test_needs_kernel();
    run_tls(serves_curl);
}

static int is_scanned(void *arg)
{
    (void)arg;
    struct service v;
    begin(&v, usual_server());
    const struct said *s =
        run_tool("", "sslscan --no-colour 127.0.0.1:%d", v.port);
    static const char *const good[] = {
        "SSLv2     disabled",
        "SSLv3     disabled",
        "TLSv1.0   disabled",
        "TLSv1.1   disabled",
        "TLSv1.2   enabled",
        "TLSv1.3   enabled",
        "TLSv1.3 not vulnerable to heartbleed",
        "TLSv1.2 not vulnerable",
    };
    static const char *const bad[] = {
        "CBC",  "RC4",   "3DES",       " NULL",
        "EXP-", "-SHA ", "AES128-SHA", "Insecure session renegotiation supp"
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        CHECK_HAS(s->text, good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (strstr(s->text, bad[i]))
            test_fail(TEST_AT, "%s in: %s", bad[i], s->text);
    end(&v);
    return 0;
}

TEST_LIMITED("sslscan finds nothing old, nothing weak", 240)
{
    test_needs_kernel();
    run_tls(is_scanned);
}

/* ---------------------------------------------------------------- our client */

/* openssl's server, which says each line backwards. */
struct peer {
    rota_process *process;
    int port;
};

static struct peer start_peer(const char *cert, const char *more)
{
    struct peer p;
    char line[1024], *at = line, out[1024];
    const char *argv[ARGS];
    int argc = 0;
    snprintf(line, sizeof line,
             "openssl s_server -accept 127.0.0.1:0 -rev -cert %s.crt -key "
             "%s.key -cert_chain %s.crt%s%s",
             cert, cert, cert, *more ? " " : "", more);
    for (char *word; (word = strsep(&at, " "));)
        argv[argc++] = word;
    argv[argc] = NULL;
    rota_process_options o = { .in = ROTA_PROCESS_NULL,
                               .out = ROTA_PROCESS_PIPE,
                               .err = ROTA_PROCESS_NULL,
                               .flags = ROTA_PROCESS_KILL_ON_FREE };
    CHECK_INT(rota_process_start(argv, &o, &p.process), 0);
    size_t got = 0;
    const char *port = NULL;
    while (!port || !strchr(port, '\n')) {
        ssize_t n = rota_read(rota_process_out(p.process), out + got,
                              sizeof out - 1 - got);
        CHECK(n > 0);
        got += (size_t)n;
        out[got] = '\0';
        port = strstr(out, "ACCEPT 127.0.0.1:");
    }
    p.port = atoi(port + strlen("ACCEPT 127.0.0.1:"));
    return p;
}

static void stop_peer(struct peer *p)
{
    CHECK_INT(rota_process_stop(p->process), 0);
    rota_process_free(p->process);
}

/* The path of a certificate's files, without their ends. */
static const char *base(const char *name)
{
    return pki_file(name);
}

static int meets_openssl(void *arg)
{
    (void)arg;
    static const char *const versions[] = { "-tls1_2", "-tls1_3" };
    for (int i = 0; i < 2; i++) {
        struct peer p = start_peer(base("server"), versions[i]);
        rota_tls_context *tls = usual_client();
        rota_stream *s;
        rota_str line;
        rota_tls_info info;
        for (int round = 0; round < 2; round++) {
            CHECK_INT(rota_open_tls_connection("127.0.0.1", p.port, tls, &s),
                      0);
            CHECK_INT(rota_stream_tls_info(s, &info), 0);
            CHECK_STR(info.version, i ? "TLSv1.3" : "TLSv1.2");
            CHECK_INT(info.session_reused, round);
            CHECK_INT(rota_stream_write(s, "hello\n", 6, NULL), 0);
            CHECK_INT(rota_stream_readline(s, &line), 6);
            CHECK(rota_str_eq(line, ROTA_STR("olleh\n")));
            rota_stream_close(s);
        }
        rota_tls_context_unref(tls);
        stop_peer(&p);
    }
    return 0;
}

TEST_LIMITED("openssl s_server is met by TLS 1.2 and 1.3, and again", 120)
{
    test_needs_kernel();
    run_tls(meets_openssl);
}

static int refuses_servers(void *arg)
{
    (void)arg;
    static const struct {
        const char *cert, *crl;
        int code;
        const char *why;
    } cases[] = {
        { "expired", NULL, -EKEYEXPIRED, "expired on" },
        { "self", NULL, -EKEYREJECTED, "self-signed" },
        { "elsewhere", NULL, -EKEYREJECTED,
          "not for 127.0.0.1; it is for DNS:elsewhere.example" },
        { "chained", "middle.crl", -EKEYREVOKED, "CN=middle was revoked" },
        { "chained", NULL, 0, "" },
    };
    static const char here[] = "IP:127.0.0.1";
    PKI(.name = "expired", .issuer = "root", .names = here, .from = -9,
        .to = -1);
    PKI(.name = "self", .names = here);
    PKI(.name = "elsewhere", .issuer = "root",
        .names = "DNS:elsewhere.example");
    PKI(.name = "middle", .issuer = "root", .authority = true);
    PKI(.name = "chained", .issuer = "middle", .names = here,
        .chain = { "middle" });
    pki_revoke("middle.crl", "root", (const char *const[]){ "middle", NULL });
    pki_revoke("middle.crl", "middle", (const char *const[]){ NULL });
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        test_note("%s", cases[i].cert);
        struct peer p = start_peer(base(cases[i].cert), "");
        rota_tls_context *tls =
            CLIENT_WITH(.crl_file =
                            cases[i].crl ? pki_file(cases[i].crl) : NULL);
        rota_stream *s = NULL;
        int rc = rota_open_tls_connection("127.0.0.1", p.port, tls, &s);
        CHECK_INT(rc, cases[i].code);
        if (rc < 0)
            CHECK_HAS(rota_errmsg(rc), cases[i].why);
        rota_stream_close(s);
        rota_tls_context_unref(tls);
        stop_peer(&p);
    }
    return 0;
}

TEST_LIMITED("openssl s_server's bad certificates are refused, each for its "
             "reason",
             120)
{
    test_needs_kernel();
    run_tls(refuses_servers);
}

static int is_refused(void *arg)
{
    (void)arg;
    char more[512], byte;
    rota_stream *s;
    snprintf(more, sizeof more, "-Verify 3 -verify_return_error -CAfile %s",
             pki_file("root.crt"));
    struct peer p = start_peer(base("server"), more);
    rota_tls_context *tls = usual_client();
    CHECK_INT(rota_open_tls_connection("127.0.0.1", p.port, tls, &s), 0);
    CHECK_INT(rota_stream_read(s, &byte, 1), -EACCES);
    CHECK_HAS(rota_errmsg(-EACCES), "certificate required");
    rota_stream_close(s);
    rota_tls_context_unref(tls);
    stop_peer(&p);

    p = start_peer(base("server"), "-tls1_1 -cipher DEFAULT@SECLEVEL=0");
    tls = usual_client();
    CHECK_INT(rota_open_tls_connection("127.0.0.1", p.port, tls, &s),
              -EPROTONOSUPPORT);
    rota_tls_context_unref(tls);
    stop_peer(&p);
    return 0;
}

TEST_LIMITED("openssl s_server's refusals are passed on", 120)
{
    test_needs_kernel();
    run_tls(is_refused);
}
