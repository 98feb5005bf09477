/*
 * rota's parser beside llhttp, over some tens of thousands of requests: good
 * ones, ones with each mistake of the checklist, and the fuzz corpus. Where
 * the two differ it must be in a way that is known and has a reason; a way
 * that is known and no longer met is out of date, and fails as well.
 */
#include "differential.h"

#include <stdlib.h>

#include "test.h"

enum { CLASSES_ROOM = 64, SHOWN_MOST = 10 };

static struct reading ours, theirs;
static unsigned messages, unknown;
static unsigned met[CLASSES_ROOM];

static bool same_text(const char *a, size_t a_len, const char *b, size_t b_len)
{
    return a_len == b_len && memcmp(a, b, a_len) == 0;
}

/* Whether two readings that took the message mean the same by it. */
static bool same_meaning(const struct reading *a, const struct reading *b)
{
    if (a->verdict != b->verdict || a->head != b->head)
        return false;
    if (!a->head)
        return true;
    return strcmp(a->method, b->method) == 0 && a->body == b->body &&
           a->keep_alive == b->keep_alive &&
           same_text(a->target, a->target_len, b->target, b->target_len) &&
           same_text(a->lines, a->lines_len, b->lines, b->lines_len) &&
           same_text(a->data, a->data_len, b->data, b->data_len) &&
           (a->verdict != READ_WHOLE || a->used == b->used);
}

static void show(const struct message *m)
{
    for (size_t i = 0; i < m->len; i++) {
        unsigned char b = (unsigned char)m->ptr[i];
        if (b >= ' ' && b < 0x7f)
            putc(b, stderr);
        else
            fprintf(stderr, "\\x%02x", b);
    }
    putc('\n', stderr);
}

static void settle(const struct message *m, enum side side)
{
    for (size_t i = 0; i < differences_count; i++) {
        if (differences[i].side == side && differences[i].applies(m)) {
            met[i]++;
            return;
        }
    }
    if (unknown++ >= SHOWN_MOST)
        return;
    static const char *const sides[] = {
        [OURS_REFUSES] = "refused by rota alone",
        [LLHTTP_REFUSES] = "refused by llhttp alone",
        [BOTH_TAKE] = "understood differently",
    };
    fprintf(stderr, "# %s (%s): ", sides[side], m->label);
    show(m);
}

static void compare(const struct message *m)
{
    messages++;
    ours_read(m, &ours);
    llhttp_read(m, &theirs);
    bool we = ours.verdict == READ_REFUSED,
         they = theirs.verdict == READ_REFUSED;
    if (we && they)
        return;
    if (we != they)
        settle(m, we ? OURS_REFUSES : LLHTTP_REFUSES);
    else if (!same_meaning(&ours, &theirs))
        settle(m, BOTH_TAKE);
}

TEST_LIMITED(
    "rota and llhttp differ in the ways that are known, and in no other", 120)
{
    CHECK(differences_count <= CLASSES_ROOM);
    corpus_each(compare);
    for (size_t i = 0; i < differences_count; i++) {
        printf("# %-26s %u\n", differences[i].name, met[i]);
        if (met[i] == 0)
            test_fail(TEST_AT, "%s: no longer met", differences[i].name);
    }
    printf("# in %u messages\n", messages);
    CHECK(messages > 1000);
    CHECK_INT(unknown, 0);
}

TEST_LIMITED("the fuzz corpus shows no other difference", 120)
{
    CHECK(corpus_files(SOURCE_ROOT "/fuzz/corpus/h1_head", compare) > 0);
    CHECK_INT(unknown, 0);
}

/* A chunked body of the fuzz corpus, with a head before it. */
static void compare_chunked(const struct message *m)
{
    static const char head[] = "POST / HTTP/1.1\r\nHost: a\r\n"
                               "Transfer-Encoding: chunked\r\n\r\n";
    struct message whole = { m->label, NULL, sizeof head - 1 + m->len };
    char *text = malloc(whole.len);
    CHECK(text != NULL);
    memcpy(text, head, sizeof head - 1);
    memcpy(text + sizeof head - 1, m->ptr, m->len);
    whole.ptr = text;
    compare(&whole);
    free(text);
}

TEST_LIMITED("the fuzz corpus of chunked bodies shows no other difference", 120)
{
    CHECK(corpus_files(SOURCE_ROOT "/fuzz/corpus/h1_chunks", compare_chunked) >
          0);
    CHECK_INT(unknown, 0);
}

TEST("every known difference is explained in the documentation")
{
    static char text[200000];
    FILE *file = fopen(SOURCE_ROOT "/docs/http-differences.md", "rb");
    CHECK(file != NULL);
    size_t len = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[len] = '\0';
    for (size_t i = 0; i < differences_count; i++) {
        char heading[64];
        snprintf(heading, sizeof heading, "`%s`", differences[i].name);
        CHECK_HAS(text, heading);
    }
}
