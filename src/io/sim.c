/*
 * Hosts of a simulation by their names.
 */
#include <errno.h>

#include "base/misuse.h"
#include "io/net.h"
#include "loop/loop.h"
#include "loop/sim.h"

/* The addresses of a host: how many, or as net_resolve. */
static int find(const char *host, union sim_address out[NET_ADDRESSES])
{
    rota_address found[NET_ADDRESSES];
    char err[NET_ERROR_TEXT];
    int n = net_resolve(host, 0, found, NET_ADDRESSES, err, sizeof err);
    for (int i = 0; i < n; i++)
        sim_take_address(&out[i], &found[i].any, found[i].len);
    return n;
}

int rota_sim_partition(const char *host)
{
    struct sim *s = sim_of(loop_current());
    union sim_address addresses[NET_ADDRESSES];
    if (!s)
        return misuse(-EPERM, "rota_sim_partition outside of a simulation");
    if (!host)
        return sim_cut(s, NULL);
    int n = find(host, addresses);
    int rc = n < 0 ? n : 0;
    for (int i = 0; rc == 0 && i < n; i++)
        rc = sim_cut(s, &addresses[i]);
    return rc;
}

int rota_sim_heal(const char *host)
{
    struct sim *s = sim_of(loop_current());
    union sim_address addresses[NET_ADDRESSES];
    if (!s)
        return misuse(-EPERM, "rota_sim_heal outside of a simulation");
    int n = host ? find(host, addresses) : 0;
    for (int i = 0; i < n; i++)
        sim_heal(s, &addresses[i]);
    if (!host)
        sim_heal(s, NULL);
    return n < 0 ? n : 0;
}
