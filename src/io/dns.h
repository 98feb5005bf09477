/*
 * Names, as the library itself asks for them.
 */
#ifndef IO_DNS_H
#define IO_DNS_H

#include <netdb.h>
#include <stdatomic.h>

#include "rota/address.h"

/*
 * What is asked of the system's resolver. It is on the heap, and neither the
 * asking task's nor the thread's alone: who drops it last frees it.
 */
struct dns_lookup {
    atomic_int refs;
    atomic_bool begun; /* on a thread */
    int family;
    struct addrinfo *found;
    int eai;   /* EAI_...; 0: found */
    int error; /* with EAI_SYSTEM: a negative errno */
    char host[];
};

/* With one reference; NULL: no memory. */
struct dns_lookup *dns_lookup_new(const char *host, int family);
void dns_lookup_unref(void *lookup);

/* Asks, blocking: 0. What came of it is in the lookup (a rota_fn). */
int dns_look_up(void *lookup);

/* What a lookup came to: how many addresses, or a negative errno. */
int dns_result(const struct dns_lookup *lookup);

/* An EAI_... as a negative errno, `error` if it is EAI_SYSTEM. */
int dns_errno(int eai, int error);

/*
 * rota_getaddrinfo of a name that is not to be known otherwise. Outside of a
 * task it blocks. *eai says why there is none (0: see the result).
 */
int dns_find(const char *host, int port, int family, rota_address *out,
             int most, int *eai);

#endif
