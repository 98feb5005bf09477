/*
 * The root is found by the ELF note "rota" of the program or of librota.so:
 * the first page of every mapped file that is one is looked at. So neither
 * symbols nor the file itself are needed, and nothing runs in the target.
 */
#include "cli/target.h"

#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { HEADERS_MOST = 64, NOTES_MOST = 4096 };

/* The root the notes in buf[0..n), which stand at `at`, point at; 0: none. */
static uint64_t root_in_notes(const char *buf, size_t n, uint64_t at)
{
    static const char name[8] = "rota";
    for (size_t i = 0; i + sizeof(Elf64_Nhdr) <= n;) {
        Elf64_Nhdr h;
        int64_t distance;
        memcpy(&h, buf + i, sizeof h);
        size_t desc = i + sizeof h + ((h.n_namesz + 3ull) & ~3ull);
        size_t next = desc + ((h.n_descsz + 3ull) & ~3ull);
        if (desc > n || next > n || next <= i)
            return 0;
        if (h.n_namesz == 5 && h.n_descsz == sizeof distance && h.n_type == 1 &&
            memcmp(buf + i + sizeof h, name, sizeof name) == 0) {
            memcpy(&distance, buf + desc, sizeof distance);
            return at + desc + (uint64_t)distance;
        }
        i = next;
    }
    return 0;
}

static uint64_t root_in_note(struct peek *p, uint64_t at, uint64_t size)
{
    char buf[NOTES_MOST];
    if (size > sizeof buf || !p->read(p, at, buf, size))
        return 0;
    return root_in_notes(buf, size, at);
}

/* The root of the ELF file whose beginning is mapped at `start`; 0. */
static uint64_t root_at(struct peek *p, uint64_t start)
{
    Elf64_Ehdr e;
    Elf64_Phdr h[HEADERS_MOST];
    if (!p->read(p, start, &e, sizeof e) ||
        memcmp(e.e_ident, ELFMAG, SELFMAG) != 0 ||
        e.e_ident[EI_CLASS] != ELFCLASS64 || e.e_phnum > HEADERS_MOST ||
        !p->read(p, start + e.e_phoff, h, e.e_phnum * sizeof *h))
        return 0;
    uint64_t moved = start;
    for (int i = 0; i < e.e_phnum; i++)
        if (h[i].p_type == PT_LOAD && h[i].p_offset == 0)
            moved = start - h[i].p_vaddr;
    uint64_t root = 0;
    for (int i = 0; i < e.e_phnum && !root; i++)
        if (h[i].p_type == PT_NOTE)
            root = root_in_note(p, moved + h[i].p_vaddr, h[i].p_memsz);
    return root;
}

static uint64_t find_root(struct peek *p, int *mappings)
{
    struct peek_map m = { 0 };
    uint64_t root = 0;
    for (*mappings = 0; !root && p->map(p, m.end, &m); ++*mappings)
        if (m.offset == 0 && m.path[0])
            root = root_at(p, m.start);
    return root;
}

static int fail(struct target *t, int rc, const char *text)
{
    snprintf(t->what, sizeof t->what, "%s %s", t->name, text);
    return rc;
}

const char *target_error(struct target *t, int rc)
{
    switch (rc) {
    case -ESRCH: fail(t, rc, "does not exist"); break;
    case -EPERM:
        fail(t, rc,
             "may not be read by you: it is another user's, or "
             "kernel.yama.ptrace_scope forbids it");
        break;
    case -ENOEXEC: fail(t, rc, "is no program of rota's"); break;
    case -EPROTO: fail(t, rc, "has another version of rota"); break;
    case -EAGAIN:
        fail(t, rc, "changes faster than it can be read; retry");
        break;
    default: fail(t, rc, strerror(-rc)); break;
    }
    return t->what;
}

static int open_root(struct target *t)
{
    int mappings;
    uint64_t root = find_root(&t->peek, &mappings);
    if (!root)
        return -ENOEXEC;
    return inspect_open(&t->in, &t->peek, root);
}

/* May its memory be read? */
static int check_access(struct peek *p)
{
    struct peek_map m;
    char byte;
    if (kill(p->pid, 0) < 0 && errno == ESRCH)
        return -ESRCH;
    errno = 0;
    if (!p->map(p, 0, &m))
        return errno == ENOENT ? -ESRCH : errno ? -EPERM : -ENOEXEC;
    errno = 0;
    if (!p->read(p, m.start, &byte, 1) && errno == EPERM)
        return -EPERM;
    return 0;
}

int target_process(struct target *t, pid_t pid)
{
    *t = (struct target){ 0 };
    snprintf(t->name, sizeof t->name, "process %d", (int)pid);
    peek_process(&t->peek, pid);
    int rc = check_access(&t->peek);
    if (rc == 0)
        rc = open_root(t);
    if (rc < 0)
        target_error(t, rc);
    return rc;
}

int target_core(struct target *t, const char *path)
{
    *t = (struct target){ .is_core = true };
    snprintf(t->name, sizeof t->name, "core file %.40s", path);
    int rc = core_open(&t->core, &t->peek, path);
    if (rc == 0)
        rc = open_root(t);
    if (rc < 0) {
        target_error(t, rc);
        core_close(&t->core);
    }
    return rc;
}

void target_close(struct target *t)
{
    if (t->is_core)
        core_close(&t->core);
}
