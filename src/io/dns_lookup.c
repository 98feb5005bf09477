/*
 * Asking the system's resolver, on a thread: what is touched there belongs to
 * nobody's stack, so whoever waits may go at any time.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "io/dns.h"
#include "io/net.h"
#include "loop/loop.h"
#include "loop/sock.h"
#include "rota/dns.h"
#include "task/task.h"
#include "task/thread.h"

struct dns_lookup *dns_lookup_new(const char *host, int family)
{
    size_t size = strlen(host) + 1;
    struct dns_lookup *l = calloc(1, sizeof *l + size);
    if (!l)
        return NULL;
    atomic_init(&l->refs, 1);
    l->family = family;
    memcpy(l->host, host, size);
    return l;
}

void dns_lookup_unref(void *lookup)
{
    struct dns_lookup *l = lookup;
    if (atomic_fetch_sub(&l->refs, 1) > 1)
        return;
    if (l->found)
        freeaddrinfo(l->found);
    free(l);
}

int dns_look_up(void *lookup)
{
    struct dns_lookup *l = lookup;
    /* Of one type, or each address comes once for each type. */
    struct addrinfo hints = { .ai_family = l->family,
                              .ai_socktype = SOCK_STREAM };
    atomic_store(&l->begun, true);
    l->eai = getaddrinfo(l->host, NULL, &hints, &l->found);
    l->error = l->eai == EAI_SYSTEM ? -errno : 0;
    return 0;
}

int dns_errno(int eai, int error)
{
    switch (eai) {
    case 0: return 0;
    case EAI_AGAIN: return -EAGAIN;
    case EAI_MEMORY: return -ENOMEM;
    case EAI_NONAME:
    case EAI_NODATA:
    case EAI_ADDRFAMILY: return -ENOENT;
    case EAI_FAMILY:
    case EAI_OVERFLOW: return -EINVAL;
    case EAI_SYSTEM: return error < 0 ? error : -EIO;
    default: return -EIO;
    }
}

int dns_result(const struct dns_lookup *l)
{
    int n = 0;
    for (const struct addrinfo *a = l->found; a; a = a->ai_next)
        n++;
    return l->eai ? dns_errno(l->eai, l->error) : n;
}

/* ------------------------------------------------------------- reverse */

struct reverse {
    rota_address address;
    int eai, error;
    char name[NI_MAXHOST];
};

static int look_back(void *arg)
{
    struct reverse *r = arg;
    r->eai = getnameinfo(&r->address.any, r->address.len, r->name,
                         sizeof r->name, NULL, 0, NI_NAMEREQD);
    r->error = r->eai == EAI_SYSTEM ? -errno : 0;
    return 0;
}

static bool is_host(const rota_address *a)
{
    if (a->len >= sizeof a->v6)
        return a->any.sa_family == AF_INET6 || a->any.sa_family == AF_INET;
    return a->len >= sizeof a->v4 && a->any.sa_family == AF_INET;
}

static int give_name(const struct reverse *r, char *name, size_t size)
{
    if (r->eai)
        return dns_errno(r->eai, r->error);
    size_t len = strlen(r->name);
    if (len >= size)
        return -ENOSPC;
    memcpy(name, r->name, len + 1);
    return (int)len;
}

int rota_getnameinfo(const rota_address *address, char *name, size_t size)
{
    struct rota_task *t;
    int rc = wait_begin(&t);
    if (rc < 0)
        return rc;
    if (!is_host(address))
        return wait_done(t, -EINVAL);
    if (sock_simulated(loop_current()))
        return wait_done(t, -ENOENT);
    struct reverse *r = calloc(1, sizeof *r);
    if (!r)
        return wait_done(t, -ENOMEM);
    r->address = *address;
    rc = thread_run_abandonable(POOL_DNS, look_back, r, free);
    if (rc == -ECANCELED)
        return rc;
    if (rc == 0)
        rc = give_name(r, name, size);
    free(r);
    return rc;
}
