/*
 * Bucket numbers are the top bits of the value: where its highest bit stands,
 * then the six bits below it. Values under 64 have a bucket each.
 */
#include "histogram.h"

#include <string.h>

static unsigned bucket_of(uint64_t ns)
{
    if (ns < HISTOGRAM_FINE)
        return (unsigned)ns;
    unsigned top = 63 - (unsigned)__builtin_clzll(ns);
    unsigned shift = top - HISTOGRAM_FINE_BITS;
    return (shift + 1) * HISTOGRAM_FINE +
           (unsigned)((ns >> shift) & (HISTOGRAM_FINE - 1));
}

/* The smallest value of the bucket. */
static uint64_t bucket_floor(unsigned bucket)
{
    if (bucket < HISTOGRAM_FINE)
        return bucket;
    unsigned shift = bucket / HISTOGRAM_FINE - 1;
    return (HISTOGRAM_FINE + (uint64_t)(bucket % HISTOGRAM_FINE)) << shift;
}

void histogram_init(struct histogram *h)
{
    memset(h, 0, sizeof(*h));
}

void histogram_add(struct histogram *h, uint64_t ns)
{
    h->count++;
    h->bucket[bucket_of(ns)]++;
    if (ns > h->max)
        h->max = ns;
}

uint64_t histogram_at(const struct histogram *h, double share)
{
    uint64_t wanted = (uint64_t)((double)h->count * share);
    uint64_t seen = 0;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += h->bucket[i];
        if (seen > wanted)
            return bucket_floor(i);
    }
    return h->max;
}
