/*
 * The test harness. Each TEST is a sentence and runs in a process of its own
 * with a time limit; the program prints TAP. A test fails by a failed CHECK,
 * by a crash, or by taking too long; DEATH_TESTs look at how a process died.
 *
 *   TEST("a lock is handed to the waiter that came first")
 *   {
 *       CHECK_INT(rota_lock_try(&l), 0);
 *   }
 */
#ifndef TEST_H
#define TEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct test {
    const char *name;
    void (*run)(void);
    unsigned seconds; /* time limit; 0: the default of 30 */
    struct test *next;
};

void test_register(struct test *t);

#define TEST_JOIN_(a, b) a##b
#define TEST_JOIN(a, b)  TEST_JOIN_(a, b)
#define TEST_LIMITED(name_, seconds_)                                  \
    static void TEST_JOIN(test_fn_, __LINE__)(void);                   \
    __attribute__((constructor)) static void TEST_JOIN(test_add_,      \
                                                       __LINE__)(void) \
    {                                                                  \
        static struct test t = { name_, TEST_JOIN(test_fn_, __LINE__), \
                                 seconds_, NULL };                     \
        test_register(&t);                                             \
    }                                                                  \
    static void TEST_JOIN(test_fn_, __LINE__)(void)
#define TEST(name_) TEST_LIMITED(name_, 0)

/* Ends the test as failed, with a message. Does not return. */
void test_fail(const char *where, const char *format, ...)
    __attribute__((format(printf, 2, 3), noreturn));

/* Ends the test as skipped, with the reason. Does not return. */
void test_skip(const char *reason) __attribute__((noreturn));

/* What is to be said if the test fails from here on, even by a crash or by
 * taking too long: which of many rounds it is, and how to repeat it. */
void test_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Runs fn in a child process. Returns its wait status; what it printed to
 * stderr is in `err`, NUL-terminated.
 */
int test_child(void (*fn)(void), char *err, size_t size);

/* True when built with an address or thread sanitizer (they are slower and
 * hold more memory, so tests of size scale themselves down). */
bool test_sanitized(void);

/* Skips a test of what only a real kernel does, when the program runs under a
 * user-mode emulator (which says so by TEST_EMULATED in the environment). */
void test_needs_kernel(void);

/* From here on signals (SIGALRM, whose handler restarts no call) interrupt the
 * process as often as leaves it time to do something; and no more. */
void test_storm_begin(void);
void test_storm_end(void);

/* How many have come. */
int test_storm_count(void);

#define TEST_AT      __FILE__ ":" TEST_STR(__LINE__)
#define TEST_STR_(x) #x
#define TEST_STR(x)  TEST_STR_(x)

#define CHECK(cond)                                  \
    do {                                             \
        if (!(cond))                                 \
            test_fail(TEST_AT, "not so: %s", #cond); \
    } while (0)

#define CHECK_INT(got, want)                                               \
    do {                                                                   \
        long long got_ = (long long)(got), want_ = (long long)(want);      \
        if (got_ != want_)                                                 \
            test_fail(TEST_AT, "%s is %lld, not %lld", #got, got_, want_); \
    } while (0)

#define CHECK_STR(got, want)                                     \
    do {                                                         \
        const char *got_ = (got), *want_ = (want);               \
        if (!got_ || strcmp(got_, want_) != 0)                   \
            test_fail(TEST_AT, "%s is \"%s\", not \"%s\"", #got, \
                      got_ ? got_ : "(null)", want_);            \
    } while (0)

#define CHECK_HAS(text, part)                           \
    do {                                                \
        const char *text_ = (text), *part_ = (part);    \
        if (!text_ || !strstr(text_, part_))            \
            test_fail(TEST_AT, "\"%s\" has no \"%s\"",  \
                      text_ ? text_ : "(null)", part_); \
    } while (0)

#endif
