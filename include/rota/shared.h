/*
 * What may cross threads says so when it is made. Everything else belongs to
 * one loop's thread, uses no atomics, and panics elsewhere.
 */
#ifndef ROTA_SHARED_H
#define ROTA_SHARED_H

enum rota_shared_flags {
    /* For tasks of any loop, and any thread. */
    ROTA_SHARED = 1 << 0,
};

#endif
