/*
 * An arena: memory that is taken piece by piece and given back all at once.
 * A request's handler allocates from its request's arena and frees nothing.
 *
 * The first bytes come from a buffer the owner provides (on its stack, say),
 * so a small request costs no allocation at all.
 */
#ifndef ROTA_ARENA_H
#define ROTA_ARENA_H

#include <stdarg.h>
#include <stddef.h>

#include "rota/export.h"
#include "rota/str.h"

typedef struct rota_arena {
    char *next;                 /* first free byte */
    char *end;                  /* one past the last byte of this chunk */
    struct arena_chunk *chunks; /* heap chunks, newest first */
    char *first;                /* the owner's buffer, may be NULL */
    size_t first_size;
} rota_arena;

/* Begins an arena in `buffer` of `size` bytes (NULL, 0: all from the heap). */
ROTA_API void rota_arena_init(rota_arena *a, void *buffer, size_t size);

/* Gives everything back; the arena is then as after rota_arena_init. */
ROTA_API void rota_arena_reset(rota_arena *a);

/* Gives everything back for good. */
ROTA_API void rota_arena_fini(rota_arena *a);

/*
 * `size` bytes aligned for any type, not cleared; valid until reset or fini.
 * NULL when there is no memory. Suspends: no.
 */
ROTA_API void *rota_arena_alloc(rota_arena *a, size_t size);

/* The same, cleared to zero bytes. */
ROTA_API void *rota_arena_zalloc(rota_arena *a, size_t size);

/*
 * Grows `old` (of `old_size` bytes, from this arena, or NULL) to `new_size`.
 * In place when it was the last piece taken. NULL: no memory, `old` stands.
 */
ROTA_API void *rota_arena_grow(rota_arena *a, void *old, size_t old_size,
                               size_t new_size);

/* A NUL-terminated copy of `len` bytes; NULL when there is no memory. */
ROTA_API char *rota_arena_strndup(rota_arena *a, const char *s, size_t len);

/* sprintf into the arena; NULL when there is no memory. */
ROTA_API char *rota_arena_printf(rota_arena *a, const char *format, ...)
    ROTA_PRINTF(2, 3);
ROTA_API char *rota_arena_vprintf(rota_arena *a, const char *format,
                                  va_list args) ROTA_PRINTF(2, 0);

#endif
