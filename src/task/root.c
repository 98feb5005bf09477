/*
 * The one list of runtimes, and the table of offsets. An ELF note leads to it
 * from the program's or the library's first page, which is in every core file
 * and stays when symbols are stripped; gdb finds it by its name.
 */
#include "task/root.h"

#include <pthread.h>
#include <unistd.h>

#include "rota/debug.h"
#include "task/layout.h"
#include "task/runtime.h"

static const struct layout_entry entries[] = {
#define ENTRY(name, value) { #name, value },
    LAYOUT(ENTRY)
#undef ENTRY
};

/* Exported, and private to the library under its other name: the note's
 * distance must be known when it is linked. */
struct layout_root root_hidden __attribute__((visibility("hidden"))) = {
    .magic = { 'r', 'o', 't', 'a', 'r', 'o', 'o', 't' },
    .version = LAYOUT_VERSION,
    .count = sizeof entries / sizeof *entries,
};
extern struct layout_root rota_debug_root __attribute__((alias("root_hidden")));

/* namesz, descsz, type, "rota", and how far from here the root lies. */
__asm__(".pushsection .note.rota, \"a\", %note\n"
        ".balign 4\n"
        ".long 5, 8, 1\n"
        ".asciz \"rota\"\n"
        ".balign 4\n"
        ".quad root_hidden - .\n"
        ".popsection\n");

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static struct runtime *first(void)
{
    return (struct runtime *)(uintptr_t)root_hidden.runtimes;
}

void root_lock(void)
{
    pthread_mutex_lock(&lock);
}

void root_unlock(void)
{
    pthread_mutex_unlock(&lock);
}

struct runtime *root_disown(void)
{
    struct runtime *rt = first();
    root_hidden.runtimes = 0;
    return rt;
}

void root_add(struct runtime *rt)
{
    rt->tid = gettid();
    pthread_mutex_lock(&lock);
    root_hidden.entries = (uintptr_t)entries;
    rt->next = first();
    root_hidden.runtimes = (uintptr_t)rt;
    pthread_mutex_unlock(&lock);
}

void root_remove(struct runtime *rt)
{
    pthread_mutex_lock(&lock);
    if (first() == rt)
        root_hidden.runtimes = (uintptr_t)rt->next;
    for (struct runtime *it = first(); it; it = it->next)
        if (it->next == rt)
            it->next = rt->next;
    pthread_mutex_unlock(&lock);
}

void root_each(void (*fn)(struct runtime *rt, void *arg), void *arg)
{
    pthread_mutex_lock(&lock);
    for (struct runtime *it = first(); it; it = it->next)
        fn(it, arg);
    pthread_mutex_unlock(&lock);
}
