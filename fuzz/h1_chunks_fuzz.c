/*
 * Any bytes as a chunked body. What must hold: no more is used than given, data
 * lies in the input and is as long as the sizes said, and the same bytes in
 * pieces give the same data and the same end.
 */
#include <string.h>

#include "fuzz.h"
#include "http/h1.h"

enum { CUTS_MOST = 64 };

struct outcome {
    int rc;
    size_t used;
    size_t len;
    char *data;
};

static void take(struct outcome *o, rota_str data, const char *in, size_t len)
{
    FUZZ_CHECK(data.len > 0 && data.ptr >= in);
    FUZZ_CHECK(data.ptr + data.len <= in + len);
    memcpy(o->data + o->len, data.ptr, data.len);
    o->len += data.len;
}

/* Decodes [in, in + len), `first` bytes and then `step` each time. */
static void decode(const char *in, size_t len, size_t first, size_t step,
                   struct outcome *o)
{
    struct h1_chunks c;
    size_t end = first < len ? first : len;
    h1_chunks_init(&c);
    o->used = o->len = 0;
    for (;;) {
        size_t used;
        rota_str data;
        o->rc = h1_chunks_next(&c, in + o->used, end - o->used, &used, &data);
        FUZZ_CHECK(used <= end - o->used);
        FUZZ_CHECK(o->rc == H1_CHUNKS_DATA || data.len == 0);
        if (o->rc == H1_CHUNKS_DATA)
            take(o, data, in + o->used, used);
        o->used += used;
        if (o->rc == H1_CHUNKS_END || o->rc < 0)
            break;
        FUZZ_CHECK(o->rc == H1_CHUNKS_DATA || o->used == end);
        if (o->rc == H1_CHUNKS_MORE && end == len)
            break;
        if (o->used == end)
            end = len - end < step ? len : end + step;
    }
    FUZZ_CHECK(o->rc != H1_CHUNKS_END || c.data == o->len);
}

static void check_same(const struct outcome *a, const struct outcome *b)
{
    FUZZ_CHECK(a->rc == b->rc && a->used == b->used && a->len == b->len);
    FUZZ_CHECK(memcmp(a->data, b->data, a->len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const char *in = (const char *)bytes;
    struct outcome whole = { .data = malloc(size + 1) };
    struct outcome pieces = { .data = malloc(size + 1) };
    FUZZ_CHECK(whole.data && pieces.data);
    decode(in, size, size, size, &whole);
    FUZZ_CHECK(whole.rc == H1_CHUNKS_MORE || whole.rc == H1_CHUNKS_END ||
               whole.rc == -400 || whole.rc == -431);
    if (whole.rc == H1_CHUNKS_END)
        FUZZ_CHECK(memcmp(in + whole.used - 4, "\r\n\r\n", 4) == 0);
    decode(in, size, 0, 1, &pieces);
    check_same(&whole, &pieces);
    for (size_t cut = 1; cut < size; cut += size / CUTS_MOST + 1) {
        decode(in, size, cut, size, &pieces);
        check_same(&whole, &pieces);
    }
    free(whole.data);
    free(pieces.data);
    return 0;
}
