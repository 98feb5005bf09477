/*
 * A histogram of durations with a constant relative error: 64 buckets for each
 * power of two, so a percentile is off by less than 2 % whether it is ten
 * microseconds or ten seconds, in 20 KiB and without a sort.
 */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

enum {
    HISTOGRAM_FINE_BITS = 6,
    HISTOGRAM_FINE = 1 << HISTOGRAM_FINE_BITS,
    HISTOGRAM_BUCKETS = HISTOGRAM_FINE * (65 - HISTOGRAM_FINE_BITS)
};

struct histogram {
    uint64_t count;
    uint64_t max; /* ns, exact */
    uint64_t bucket[HISTOGRAM_BUCKETS];
};

/* Empties it. */
void histogram_init(struct histogram *h);

/* Adds one duration in nanoseconds. */
void histogram_add(struct histogram *h, uint64_t ns);

/* The duration (ns) that `share` (0..1) of all durations do not exceed. */
uint64_t histogram_at(const struct histogram *h, double share);

#endif
