/*
 * A core file has a segment for each mapping, with as many of its bytes as
 * were written, and a note that says which file each mapping came from.
 */
#include "cli/core.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const void *part(const struct core *c, uint64_t at, uint64_t n)
{
    return at <= c->size && n <= c->size - at ? c->bytes + at : NULL;
}

/* The `i`th segment; false: there are no more. */
static bool segment(const struct core *c, unsigned i, Elf64_Phdr *p)
{
    Elf64_Ehdr e;
    memcpy(&e, c->bytes, sizeof e);
    const void *at = part(c, e.e_phoff + i * sizeof *p, sizeof *p);
    if (i >= e.e_phnum || !at)
        return false;
    memcpy(p, at, sizeof *p);
    return true;
}

static uint64_t word(const struct core *c, size_t i)
{
    uint64_t w;
    memcpy(&w, c->files + i * sizeof w, sizeof w);
    return w;
}

/* The list: how many, the unit of offsets, then (start, end, offset) of each,
 * then their names. */
enum { LIST_HEAD = 2, LIST_ENTRY = 3 };

static size_t file_count(const struct core *c)
{
    if (!c->files)
        return 0;
    size_t room = c->files_size / sizeof(uint64_t);
    uint64_t n = room < LIST_HEAD ? 0 : word(c, 0);
    return n <= (room - LIST_HEAD) / LIST_ENTRY ? n : 0;
}

static void file_name(const struct core *c, size_t i, char *to, size_t size)
{
    size_t count = file_count(c);
    const char *at = (const char *)c->files +
                     (LIST_HEAD + count * LIST_ENTRY) * sizeof(uint64_t);
    const char *end = (const char *)c->files + c->files_size;
    to[0] = '\0';
    while (i-- > 0 && at < end)
        at += strnlen(at, (size_t)(end - at)) + 1;
    if (at < end) {
        size_t n = strnlen(at, (size_t)(end - at));
        n = n < size - 1 ? n : size - 1;
        memcpy(to, at, n);
        to[n] = '\0';
    }
}

/* Entries are in the order of addresses. */
static bool core_map(struct peek *p, uint64_t at, struct peek_map *out)
{
    const struct core *c = p->owner;
    for (size_t i = 0; i < file_count(c); i++) {
        size_t entry = LIST_HEAD + i * LIST_ENTRY;
        if (word(c, entry + 1) <= at)
            continue;
        out->start = word(c, entry);
        out->end = word(c, entry + 1);
        out->offset = word(c, entry + 2) * word(c, 1);
        file_name(c, i, out->path, sizeof out->path);
        return true;
    }
    return false;
}

/* How many bytes at `at` the core holds, at most n; copied. */
static size_t from_segments(const struct core *c, uint64_t at, void *to,
                            size_t n)
{
    Elf64_Phdr p;
    for (unsigned i = 0; segment(c, i, &p); i++) {
        if (p.p_type != PT_LOAD || at < p.p_vaddr ||
            at - p.p_vaddr >= p.p_filesz)
            continue;
        uint64_t left = p.p_filesz - (at - p.p_vaddr);
        n = n < left ? n : left;
        const void *bytes = part(c, p.p_offset + (at - p.p_vaddr), n);
        if (!bytes)
            return 0;
        memcpy(to, bytes, n);
        return n;
    }
    return 0;
}

/* The same of the files that were mapped. */
static size_t from_files(struct peek *p, uint64_t at, void *to, size_t n)
{
    struct peek_map m;
    if (!core_map(p, at, &m) || at < m.start)
        return 0;
    int fd = open(m.path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    n = n < m.end - at ? n : m.end - at;
    ssize_t got = pread(fd, to, n, (off_t)(m.offset + (at - m.start)));
    close(fd);
    return got > 0 ? (size_t)got : 0;
}

static bool core_read(struct peek *p, uint64_t at, void *to, size_t n)
{
    while (n > 0) {
        size_t got = from_segments(p->owner, at, to, n);
        if (got == 0)
            got = from_files(p, at, to, n);
        if (got == 0)
            return false;
        at += got;
        to = (char *)to + got;
        n -= got;
    }
    return true;
}

/* Finds the list of files among the notes. */
static void find_files(struct core *c, const Elf64_Phdr *p)
{
    for (uint64_t at = p->p_offset, end = at + p->p_filesz; at < end;) {
        Elf64_Nhdr h;
        const void *bytes = part(c, at, sizeof h);
        if (!bytes)
            return;
        memcpy(&h, bytes, sizeof h);
        uint64_t desc = at + sizeof h + ((h.n_namesz + 3ull) & ~3ull);
        if (h.n_type == NT_FILE && part(c, desc, h.n_descsz)) {
            c->files = part(c, desc, h.n_descsz);
            c->files_size = h.n_descsz;
            return;
        }
        at = desc + ((h.n_descsz + 3ull) & ~3ull);
    }
}

static int map_file(struct core *c, const char *path)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int rc = fstat(fd, &st) < 0 ? -errno : 0;
    if (rc == 0 &&
        (!S_ISREG(st.st_mode) || st.st_size < (off_t)sizeof(Elf64_Ehdr)))
        rc = -ENOEXEC;
    if (rc == 0) {
        c->size = (size_t)st.st_size;
        void *p = mmap(NULL, c->size, PROT_READ, MAP_PRIVATE, fd, 0);
        c->bytes = p == MAP_FAILED ? NULL : p;
        rc = c->bytes ? 0 : -errno;
    }
    close(fd);
    return rc;
}

int core_open(struct core *c, struct peek *p, const char *path)
{
    *c = (struct core){ 0 };
    int rc = map_file(c, path);
    if (rc < 0)
        return rc;
    Elf64_Ehdr e;
    memcpy(&e, c->bytes, sizeof e);
    if (memcmp(e.e_ident, ELFMAG, SELFMAG) != 0 ||
        e.e_ident[EI_CLASS] != ELFCLASS64 || e.e_type != ET_CORE) {
        core_close(c);
        return -ENOEXEC;
    }
    Elf64_Phdr s;
    for (unsigned i = 0; segment(c, i, &s); i++)
        if (s.p_type == PT_NOTE)
            find_files(c, &s);
    *p = (struct peek){
        .read = core_read, .map = core_map, .owner = c, .root = ""
    };
    return 0;
}

void core_close(struct core *c)
{
    if (c->bytes)
        munmap((void *)c->bytes, c->size);
    c->bytes = NULL;
}
