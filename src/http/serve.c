/*
 * The coroutine of a connection: takes one head after the other from what has
 * come, runs the handler for each, and goes on with the next connection that
 * has something. All requests that came together are
 * answered here in a row; their responses gather in the output and leave in
 * one write.
 *
 * A request that waits should keep to one page of its stack. So frames on the
 * way to the handler are kept small, and what is seldom needed and large
 * stands in functions that are not inlined.
 */
#include "http/serve.h"

#include <errno.h>
#include <string.h>

#include "http/request.h"
#include "http/response.h"

/* Moves the head out of the scratch, with just the header lines it has, and
 * its bytes out of the input: what follows may suspend. */
static int copy_head(struct http_request *r, const char *bytes, size_t len)
{
    const struct h1_head *scratch = &r->conn->server->head;
    size_t size = offsetof(struct h1_head, headers) +
                  scratch->count * sizeof scratch->headers[0];
    struct h1_head *head = rota_arena_alloc(&r->arena, size);
    char *copy = rota_arena_alloc(&r->arena, len);
    if (!head || !copy)
        return -ENOMEM;
    memcpy(head, scratch, size);
    memcpy(copy, bytes, len);
    r->head = head;
    r->bytes = copy;
    return 0;
}

static int begin(struct http_request *r, struct http_conn *c, size_t len)
{
    int rc = copy_head(r, conn_input(c).ptr, len);
    if (rc < 0)
        return rc;
    conn_take(c, len);
    c->scanned = 0;
    c->head_since = 0;
    c->requests++;
    r->body_done = r->head->body == H1_BODY_NONE;
    r->body_left = r->head->content_length;
    r->expects_continue = r->head->expect_continue && !r->body_done;
    if (r->head->body == H1_BODY_CHUNKED)
        h1_chunks_init(&r->chunks);
    return 0;
}

/* Reads what the handler left of the body, as far as that is worth more than
 * a new connection; else the connection ends here. */
static void skip_body(struct http_request *r)
{
    rota_str piece;
    ssize_t n = 1;
    uint64_t most = r->body_taken + r->conn->server->options.drain_bytes;
    while (r->keep_alive && n > 0 && r->body_taken <= most)
        n = http_body_next(r, &piece);
    if (!r->body_done)
        r->keep_alive = false;
}

static void end(struct http_request *r)
{
    http_timed_out(r);
    response_end(r);
    if (!r->body_done)
        skip_body(r);
    if (!r->keep_alive && !r->conn->broken)
        conn_begin_close(r->conn);
    task_settle(r->conn->task);
    if (r->arena.chunks)
        rota_arena_fini(&r->arena);
}

/* Answers the next request; false when there is none, or no next one. */
static bool serve_next(struct http_conn *c)
{
    struct http_server *s = c->server;
    rota_str in = conn_input(c);
    if (c->last || c->broken || in.len == 0)
        return false;
    int len =
        h1_parse_head(in.ptr, in.len, &c->scanned, &s->options.head, &s->head);
    if (len <= 0) {
        if (len < 0)
            refuse(c, -len, s->head.method == H1_HEAD);
        return false;
    }
    char first[CONN_ARENA];
    struct http_request r = { .conn = c };
    rota_arena_init(&r.arena, first, sizeof first);
    if (begin(&r, c, (size_t)len) < 0) {
        rota_arena_fini(&r.arena);
        refuse(c, 503, s->head.method == H1_HEAD);
        return false;
    }
    s->handler(&r, s->arg);
    end(&r);
    return true;
}

static void serve_connection(struct http_conn *c)
{
    c->task = rota_current_task();
    while (serve_next(c)) {
        /* A client that does not read is not answered any further. */
        if (conn_unsent(c) > CONN_OUT_MOST && conn_wait_room(c) < 0)
            break;
    }
    conn_served(c);
}

/* A coroutine that is through with one connection and waits for another:
 * going on is cheaper than beginning, and its stack is warm. */
struct idle {
    struct clause clause;
    struct http_conn *next; /* to serve; NULL: end */
};

static const struct wait_kind idle_wait = { "next connection", NULL, NULL };

/* Waits for another connection; NULL: the coroutine is to end. */
static struct http_conn *next_connection(struct http_server *s)
{
    struct rota_task *t;
    if (s->draining || s->idle_count >= HTTP_IDLE_MOST || wait_begin(&t) < 0)
        return NULL;
    struct idle me = { .next = NULL };
    clause_init(&me.clause, &idle_wait, s);
    list_insert(s->idle.next, &me.clause.link); /* the warmest goes first */
    s->idle_count++;
    rota_ignore(wait_park(t, &me.clause, 1));
    s->idle_count--;
    return me.next;
}

static int serve(void *arg)
{
    struct http_conn *c = arg;
    struct http_server *s = c->server;
    for (; c; c = next_connection(s))
        serve_connection(c);
    return 0;
}

int serve_begin(struct http_conn *c)
{
    struct http_server *s = c->server;
    rota_task_options eager = { .eager = true, .name = "http request" };
    if (list_empty(&s->idle))
        return rota_group_spawn(&s->requests, serve, c, &eager, NULL);
    struct clause *first = container_of(s->idle.next, struct clause, link);
    container_of(first, struct idle, clause)->next = c;
    clause_enter(first, 0);
    return 0;
}

void serve_end_idle(struct http_server *s)
{
    while (!list_empty(&s->idle))
        clause_fire(container_of(s->idle.next, struct clause, link), 0);
}

__attribute__((noinline)) void refuse(struct http_conn *c, int status,
                                      bool head)
{
    char text[RESPONSE_PROBLEM];
    rota_str body = response_problem(text, status);
    struct http_request r = { .conn = c, .no_body = head };
    response_refuse(&r, status, body);
    conn_begin_close(c);
}
