/*
 * Names of hosts and their addresses, by the system's resolver, which blocks
 * and therefore runs on threads of its own: slow name servers hold up nobody
 * but those who wait for a name. Tasks that ask for the same name at the same
 * time share one lookup, and answers are remembered for a while
 * (rota_run_options: dns_cache, dns_ttl, dns_negative_ttl).
 *
 *     rota_address a[4];
 *     int n = rota_getaddrinfo("example.org", 443, AF_UNSPEC, a, 4);
 *     for (int i = 0; i < n; i++)
 *         ...
 *
 * These calls are a task's; a pool thread reaches them through
 * rota_from_thread_run.
 */
#ifndef ROTA_DNS_H
#define ROTA_DNS_H

#include <stddef.h>

#include "rota/address.h"
#include "rota/export.h"

/*
 * The addresses of a host, at most `most` of them, with `port` in each: the
 * best one first, then the families by turns (RFC 8305, 4). `family` is
 * AF_INET, AF_INET6, or AF_UNSPEC for both. `host` is a name; or a number
 * ("127.0.0.1", "::1", "fe80::1%eth0"), "localhost", or NULL for all of this
 * machine, for which nobody is asked. Returns how many; -ENOENT: no such host,
 * or not of this family; -EAGAIN: the name servers do not answer; -EINVAL: no
 * host, no port, no family; -ENOMEM; what the system says. Suspends: yes.
 * Cancel: returns at once; the lookup goes on for others who wait for it, and
 * for the next to ask.
 */
ROTA_API int rota_getaddrinfo(const char *host, int port, int family,
                              rota_address *out, int most) ROTA_MUST;

/*
 * The name of a host by its address, with its NUL at most `size` bytes:
 * its length. -ENOENT: it has none; -ENOSPC: it is longer; -EAGAIN; -EINVAL:
 * no address of a host; -ENOMEM. Not remembered. Suspends: yes. Cancel:
 * returns at once, nothing is lost.
 */
ROTA_API int rota_getnameinfo(const rota_address *address, char *name,
                              size_t size) ROTA_MUST;

#endif
