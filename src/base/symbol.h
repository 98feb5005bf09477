/*
 * Names for addresses: which function of which file an address lies in, by the
 * file's own symbol table. Without malloc and without the dynamic linker's
 * locks, so that signal handlers may ask, and for other processes too.
 */
#ifndef BASE_SYMBOL_H
#define BASE_SYMBOL_H

#include <stddef.h>
#include <stdint.h>

#include "base/peek.h"

struct text;

enum { SYMBOL_MODULES = 6, SYMBOL_CACHE = 64 };

struct symbol_module {
    struct peek_map map;
    const unsigned char *file; /* mapped; NULL: could not be */
    size_t size;
};

struct symbol {
    uint64_t pc;
    const char *module; /* the file's name without folders; NULL: no file */
    const char *name;   /* of the function; NULL: not known */
    uint64_t offset;    /* in the function, else in the file */
};

/* Names stand until the next is looked for: the file they are in may make room
 * for another. */
struct symbols {
    struct peek *peek;
    unsigned count; /* of modules ever; the oldest goes first */
    struct symbol_module modules[SYMBOL_MODULES];
    struct symbol cache[SYMBOL_CACHE];
};

void symbols_init(struct symbols *s, struct peek *p);
void symbols_fini(struct symbols *s);

/* What `pc` lies in. For a return address ask for the byte before it. */
struct symbol symbols_find(struct symbols *s, uint64_t pc);

/* "name+0x12 (librota.so)", "librota.so+0x1234", "0x7f0012345678". */
void symbols_add(struct symbols *s, struct text *t, uint64_t pc);

#endif
