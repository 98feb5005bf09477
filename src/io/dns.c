/*
 * Names: one record for each that is being looked up, or whose answer is
 * remembered, whatever that was. A lookup is a task in the background, which
 * waits for the thread and outlives whoever asked; all who want the same name
 * meanwhile wait at its record. When the last of them has gone and no thread
 * has begun, the lookup is called off.
 *
 * Answers are remembered per loop, the oldest are forgotten first when there
 * are too many. The resolver does not tell how long an answer holds (the
 * name server does, RFC 1035, 3.2.1), so the time is short.
 */
#include "io/dns.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/list.h"
#include "io/net.h"
#include "loop/loop.h"
#include "rota/dns.h"
#include "rota/task.h"
#include "task/runtime.h"
#include "task/task.h"
#include "task/thread.h"

enum {
    BUCKETS = 64,
    CACHE_MOST = 256,
    ADDRESSES_MOST = 64, /* of one name, that are kept */
};

static const rota_dur ttl = 30 * 1000000000LL;
static const rota_dur negative_ttl = 5 * 1000000000LL;

struct name {
    struct list link;    /* in its bucket; alone: it is not to be found */
    struct list age;     /* among those remembered */
    struct list waiters; /* clauses */
    unsigned users;      /* calls that look at it */

    /* While it is looked up. */
    struct dns_lookup *lookup; /* NULL: it is known */
    struct rota_task *task;

    /* When it is known. */
    rota_time until;
    int result; /* how many addresses, or a negative errno */
    int eai;
    rota_address *addresses;

    int family;
    char host[];
};

/* Of a loop. */
struct dns {
    struct list buckets[BUCKETS];
    struct list ages; /* the oldest first */
    size_t count;     /* of those */
    struct runtime_ender ender;
    bool ready;
};

static void name_free(struct name *n)
{
    free(n->addresses);
    free(n);
}

static void forget(struct dns *d, struct name *n)
{
    list_remove(&n->link);
    if (!list_empty(&n->age)) {
        list_remove(&n->age);
        d->count--;
    }
    if (n->users == 0 && !n->lookup)
        name_free(n);
}

/* Names that are being looked up now are of tasks that were abandoned, or, in
 * a child made by fork, of the parent's. */
static void end(struct runtime_ender *e, bool forked)
{
    struct dns *d = container_of(e, struct dns, ender);
    (void)forked;
    d->ready = false;
    while (!list_empty(&d->ages))
        forget(d, container_of(d->ages.next, struct name, age));
}

static void dns_init(struct dns *d)
{
    for (int i = 0; i < BUCKETS; i++)
        list_init(&d->buckets[i]);
    list_init(&d->ages);
    d->count = 0;
    d->ender.fn = end;
    runtime_at_end(runtime_current(), &d->ender);
    d->ready = true;
}

/* Not inlined: the address of a thread's own memory must not be kept over a
 * switch. */
__attribute__((noinline)) static struct dns *dns(void)
{
    static _Thread_local struct dns self;
    if (!self.ready)
        dns_init(&self);
    return &self;
}

/* RFC 1035, 2.3.3: names are the same in capitals (FNV-1a). */
static struct list *bucket_of(const char *host)
{
    uint32_t hash = 2166136261;
    for (; *host; host++)
        hash = (hash ^ (unsigned char)(*host | 0x20)) * 16777619;
    return &dns()->buckets[hash % BUCKETS];
}

/* The record of a name that is looked up, or known and not too old. */
static struct name *find(const char *host, int family)
{
    list_each (it, bucket_of(host)) {
        struct name *n = container_of(it, struct name, link);
        if (n->family != family || strcasecmp(n->host, host) != 0)
            continue;
        if (n->lookup || n->until > rota_now())
            return n;
        forget(dns(), n);
        return NULL;
    }
    return NULL;
}

/* ------------------------------------------------------------ answers */

/* From `a` on, the first that is, or is not, of the family. */
static const struct addrinfo *seek(const struct addrinfo *a, int family,
                                   bool is)
{
    while (a && (a->ai_family == family) != is)
        a = a->ai_next;
    return a;
}

/* The best comes first, and then the families take turns (RFC 8305, 4): many
 * addresses by a way that is broken do not hide those by the other. */
static int take_addresses(struct name *n)
{
    int count = n->result < ADDRESSES_MOST ? n->result : ADDRESSES_MOST;
    n->addresses = calloc((size_t)count, sizeof *n->addresses);
    if (!n->addresses)
        return -ENOMEM;
    const struct addrinfo *best = n->lookup->found;
    const struct addrinfo *next[] = { best,
                                      seek(best, best->ai_family, false) };
    bool turn = false; /* the other family's */
    for (int i = 0; i < count; i++, turn = !turn) {
        turn = next[turn] ? turn : !turn;
        const struct addrinfo *a = next[turn];
        n->addresses[i].len = a->ai_addrlen;
        memcpy(&n->addresses[i].any, a->ai_addr, a->ai_addrlen);
        next[turn] = seek(a->ai_next, best->ai_family, !turn);
    }
    return count;
}

/* How long an answer holds; not positive: it is none that holds. */
static rota_dur lifetime(const struct name *n)
{
    const rota_run_options *o = &runtime_current()->options;
    if (n->result > 0)
        return o->dns_ttl ? o->dns_ttl : ttl;
    if (n->result == -ENOENT)
        return o->dns_negative_ttl ? o->dns_negative_ttl : negative_ttl;
    return 0;
}

static void remember(struct dns *d, struct name *n)
{
    unsigned most = runtime_current()->options.dns_cache;
    rota_dur life = lifetime(n);
    if (life <= 0 || list_empty(&n->link)) {
        list_remove(&n->link);
        return;
    }
    n->until = rota_time_add(rota_now(), life);
    list_push(&d->ages, &n->age);
    if (++d->count > (most ? most : CACHE_MOST))
        forget(d, container_of(d->ages.next, struct name, age));
}

/* The lookup is over: it is remembered, and told. */
static void settle(struct name *n, int rc)
{
    struct dns_lookup *l = n->lookup;
    n->eai = rc == 0 ? l->eai : 0;
    n->result = rc == 0 ? dns_result(l) : rc;
    if (n->result > 0)
        n->result = take_addresses(n);
    n->lookup = NULL;
    dns_lookup_unref(l);
    rota_task_unref(n->task);
    n->users++; /* it must stand */
    remember(dns(), n);
    while (!list_empty(&n->waiters))
        clause_fire(container_of(n->waiters.next, struct clause, link),
                    n->result);
    if (--n->users == 0 && list_empty(&n->link))
        name_free(n);
}

/* ------------------------------------------------------------- asking */

static int lookup_main(void *arg)
{
    struct name *n = arg;
    atomic_fetch_add(&n->lookup->refs, 1); /* the thread's */
    int rc = thread_run_abandonable(POOL_DNS, dns_look_up, n->lookup,
                                    dns_lookup_unref);
    if (rc != -ECANCELED)
        dns_lookup_unref(n->lookup);
    settle(n, rc);
    return 0;
}

static struct name *name_new(const char *host, int family)
{
    size_t size = strlen(host) + 1;
    struct name *n = calloc(1, sizeof *n + size);
    if (!n)
        return NULL;
    memcpy(n->host, host, size);
    n->family = family;
    list_init(&n->link);
    list_init(&n->age);
    list_init(&n->waiters);
    return n;
}

/* Begins a lookup; NULL: no memory. */
static struct name *ask(const char *host, int family)
{
    static const rota_task_options options = { .name = "getaddrinfo" };
    struct name *n = name_new(host, family);
    if (!n)
        return NULL;
    n->lookup = dns_lookup_new(host, family);
    if (n->lookup)
        n->task = rota_spawn(lookup_main, n, &options);
    if (!n->task) {
        if (n->lookup)
            dns_lookup_unref(n->lookup);
        name_free(n);
        return NULL;
    }
    list_push(bucket_of(host), &n->link);
    return n;
}

/* Nobody waits any more: what no thread has begun will not be. Who asks from
 * now on asks anew. */
static void call_off(struct name *n)
{
    if (!n->lookup || !list_empty(&n->waiters) || list_empty(&n->link) ||
        atomic_load(&n->lookup->begun))
        return;
    list_remove(&n->link);
    rota_ignore(rota_task_cancel(n->task, "nobody waits for it"));
}

static bool give_up(struct clause *c)
{
    (void)c;
    return true;
}

static const struct wait_kind name_wait = { "getaddrinfo", give_up, NULL };

static int wait_for(struct name *n, struct rota_task *t)
{
    struct clause clause;
    clause_init(&clause, &name_wait, n);
    list_push(&n->waiters, &clause.link);
    int rc = wait_park(t, &clause, 1);
    if (rc == -ECANCELED)
        call_off(n);
    return rc;
}

static void set_port(rota_address *a, int port)
{
    if (a->any.sa_family == AF_INET6)
        a->v6.sin6_port = htons((uint16_t)port);
    else
        a->v4.sin_port = htons((uint16_t)port);
}

static int give(const struct name *n, int port, rota_address *out, int most)
{
    int count = n->result < most ? n->result : most;
    for (int i = 0; i < count; i++) {
        out[i] = n->addresses[i];
        set_port(&out[i], port);
    }
    return count;
}

/* Outside of a task: nobody else is kept waiting. */
static int find_blocking(struct name *n)
{
    n->lookup = dns_lookup_new(n->host, n->family);
    if (!n->lookup)
        return -ENOMEM;
    dns_look_up(n->lookup);
    n->eai = n->lookup->eai;
    n->result = dns_result(n->lookup);
    if (n->result > 0)
        n->result = take_addresses(n);
    dns_lookup_unref(n->lookup);
    return n->result;
}

static int find_without_task(const char *host, int port, int family,
                             rota_address *out, int most, int *eai)
{
    struct name *n = name_new(host, family);
    if (!n)
        return -ENOMEM;
    int rc = find_blocking(n);
    *eai = n->eai;
    if (rc > 0)
        rc = give(n, port, out, most);
    name_free(n);
    return rc;
}

int dns_find(const char *host, int port, int family, rota_address *out,
             int most, int *eai)
{
    struct rota_task *t;
    *eai = 0;
    if (!task_current())
        return find_without_task(host, port, family, out, most, eai);
    int rc = wait_begin(&t);
    if (rc < 0)
        return rc;
    struct name *n = find(host, family);
    if (!n)
        n = ask(host, family);
    if (!n)
        return wait_done(t, -ENOMEM);
    n->users++;
    rc = n->lookup ? wait_for(n, t) : n->result;
    if (rc != -ECANCELED)
        *eai = n->eai;
    if (rc > 0)
        rc = give(n, port, out, most);
    if (--n->users == 0 && list_empty(&n->link) && !n->lookup)
        name_free(n);
    return wait_done(t, rc);
}

/* --------------------------------------------------------- for everyone */

static int of_family(int family, const rota_address *known, int count,
                     rota_address *out, int most)
{
    int n = 0;
    for (int i = 0; i < count && n < most; i++)
        if (family == AF_UNSPEC || known[i].any.sa_family == family)
            out[n++] = known[i];
    return n ? n : -ENOENT;
}

int rota_getaddrinfo(const char *host, int port, int family, rota_address *out,
                     int most)
{
    struct rota_task *t;
    rota_address known[NET_ADDRESSES];
    char name[NET_HOST];
    int eai, rc = wait_begin(&t);
    if (rc < 0)
        return rc;
    if (port < 0 || port > NET_PORT_MOST || most <= 0 ||
        (family != AF_UNSPEC && family != AF_INET && family != AF_INET6))
        return wait_done(t, -EINVAL);
    rc = net_known(host, port, known, NET_ADDRESSES);
    if (rc == 0)
        rc = net_copy_host(name, host);
    else if (rc > 0)
        return wait_done(t, of_family(family, known, rc, out, most));
    if (rc < 0)
        return wait_done(t, rc);
    return dns_find(name, port, family, out, most, &eai);
}
