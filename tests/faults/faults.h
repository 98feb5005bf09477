/*
 * Fault injection: every allocation and system call of the library can be
 * made to fail. The test's executable is linked with --wrap for each of them,
 * so what the library calls comes here first, is counted, and the Nth fails.
 *
 * faults_sweep runs a scenario in one child after the other, with the first
 * call failing, then the second, and so on, until one has run without any
 * fault left to meet. Each must end with success or with the very error that
 * was injected, and give back all it took.
 */
#ifndef FAULTS_H
#define FAULTS_H

#include <stdbool.h>
#include <stddef.h>

/* A scenario: `good` on success, or a negative errno. */
typedef int fault_fn(void);

struct fault_scenario {
    fault_fn *fn;
    int good;
    /* Errors it may also end with, whatever was injected; 0 ends the list. */
    int also[4];
};

enum fault_kind {
    FAULT_ERROR,     /* the call fails as it does when something is short */
    FAULT_INTERRUPT, /* it is cut by a signal: only success will do */
};

/* Fails the test when a round does not end as it should. */
void faults_sweep(const struct fault_scenario *s, enum fault_kind kind);

/* Counting pauses: the scenario does something of its own, which may not
 * fail. They nest. */
void faults_off(void);
void faults_on(void);

#define FAULT_TEST(name_, ...)                                              \
    TEST_LIMITED(name_, 120)                                                \
    {                                                                       \
        faults_sweep(&(struct fault_scenario){ __VA_ARGS__ }, FAULT_ERROR); \
        faults_sweep(&(struct fault_scenario){ __VA_ARGS__ },               \
                     FAULT_INTERRUPT);                                      \
    }

#endif
