/*
 * How many cores this process may use: those its affinity allows, and not more
 * than its control group's quota pays for.
 */
#ifndef BASE_CORES_H
#define BASE_CORES_H

/* At least 1. */
unsigned cores_usable(void);

/* The quota alone, rounded up, as the control groups mounted at `root` have it
 * for the process whose groups `self` lists (/proc/self/cgroup); 0: none. */
unsigned cores_quota(const char *root, const char *self);

#endif
