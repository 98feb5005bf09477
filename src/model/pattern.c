/*
 * The model tables are constant, so the compiled code of their patterns lies
 * in a table beside them, keyed by the pattern's address. Entries are only
 * ever added: readers follow a chain without a lock, and two threads that
 * compile the same pattern at once agree by one compare-and-swap.
 */
#define PCRE2_CODE_UNIT_WIDTH 8

#include "model/pattern.h"

#include <errno.h>
#include <pcre2.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    BUCKETS = 256,
    /* Far beyond what a sane pattern needs on a string of a request, and
     * still under some milliseconds. */
    MATCH_LIMIT = 100000,
    DEPTH_LIMIT = 1000,
    HEAP_LIMIT_KIB = 1024,
};

struct pattern {
    const char *text;
    pcre2_code *code;
    _Atomic(pcre2_match_data *) spare; /* kept for the next match */
    struct pattern *next;
};

static _Atomic(struct pattern *) table[BUCKETS];
static pcre2_match_context *limits;

static void make_limits(void)
{
    limits = pcre2_match_context_create(NULL);
    if (!limits)
        return;
    pcre2_set_match_limit(limits, MATCH_LIMIT);
    pcre2_set_depth_limit(limits, DEPTH_LIMIT);
    pcre2_set_heap_limit(limits, HEAP_LIMIT_KIB);
}

/* $ means the very end, as in JSON Schema, not also before a last newline. */
static int compile(const char *text, pcre2_code **code, int *error,
                   size_t *offset)
{
    *code = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED,
                          PCRE2_UTF | PCRE2_DOLLAR_ENDONLY |
                              PCRE2_NEVER_BACKSLASH_C,
                          error, offset, NULL);
    if (*code)
        return 0;
    return *error == PCRE2_ERROR_NOMEMORY ? -ENOMEM : -EINVAL;
}

static _Atomic(struct pattern *) *bucket_of(const char *text)
{
    /* Fibonacci hashing of the address: its upper bits are the mixed ones. */
    uint64_t h = (uint64_t)(uintptr_t)text * 0x9E3779B97F4A7C15u;

    return &table[h >> 56];
}

static struct pattern *lookup(struct pattern *p, const char *text)
{
    while (p && p->text != text)
        p = p->next;
    return p;
}

/* Puts `made` in front, unless another thread was first: then that one's. */
static struct pattern *publish(_Atomic(struct pattern *) *bucket,
                               struct pattern *made)
{
    struct pattern *head = atomic_load_explicit(bucket, memory_order_acquire);

    do {
        struct pattern *theirs = lookup(head, made->text);
        if (theirs) {
            pcre2_code_free(made->code);
            free(made);
            return theirs;
        }
        made->next = head;
    } while (!atomic_compare_exchange_weak_explicit(
        bucket, &head, made, memory_order_release, memory_order_acquire));
    return made;
}

static int get_pattern(const char *text, struct pattern **out)
{
    _Atomic(struct pattern *) *bucket = bucket_of(text);
    int error;
    size_t offset;

    *out = lookup(atomic_load_explicit(bucket, memory_order_acquire), text);
    if (*out)
        return 0;
    struct pattern *made = calloc(1, sizeof *made);
    if (!made)
        return -ENOMEM;
    made->text = text;
    int rc = compile(text, &made->code, &error, &offset);
    if (rc < 0) {
        free(made);
        return rc;
    }
    *out = publish(bucket, made);
    return 0;
}

int model_pattern_match(const char *pattern, rota_str text)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct pattern *p;

    pthread_once(&once, make_limits);
    int rc = limits ? get_pattern(pattern, &p) : -ENOMEM;
    if (rc < 0)
        return rc;
    pcre2_match_data *data = atomic_exchange(&p->spare, NULL);
    if (!data)
        data = pcre2_match_data_create(1, NULL);
    if (!data)
        return -ENOMEM;
    rc = pcre2_match(p->code, (PCRE2_SPTR)(text.len ? text.ptr : ""), text.len,
                     0, PCRE2_NO_UTF_CHECK, data, limits);
    pcre2_match_data_free(atomic_exchange(&p->spare, data));
    if (rc == PCRE2_ERROR_NOMEMORY)
        return -ENOMEM;
    /* 0 says: found, but more groups than the data has room for. */
    return rc >= 0;
}

int model_pattern_check(const char *pattern, char *err, size_t size)
{
    pcre2_code *code;
    int error;
    size_t offset;
    char reason[128];
    int rc = compile(pattern, &code, &error, &offset);

    pcre2_code_free(code);
    if (rc != -EINVAL)
        return rc;
    pcre2_get_error_message(error, (PCRE2_UCHAR *)reason, sizeof reason);
    snprintf(err, size, "pattern \"%s\" is wrong at %zu: %s", pattern, offset,
             reason);
    return rc;
}
