/*
 * The symbol table of an ELF file that is mapped read-only. Files are not
 * trusted: whatever an offset says, nothing outside of the file is read.
 */
#include "base/symbol.h"

#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

/* `n` bytes at `at` of the file; NULL: it is not that long. */
static const void *part(const struct symbol_module *m, uint64_t at, uint64_t n)
{
    return at <= m->size && n <= m->size - at && at % 8 == 0 ? m->file + at
                                                             : NULL;
}

/* The file's own address for what stands at `offset` of it. */
static bool address_of(const struct symbol_module *m, uint64_t offset,
                       uint64_t *address)
{
    const Elf64_Ehdr *head = part(m, 0, sizeof *head);
    const Elf64_Phdr *p =
        part(m, head->e_phoff, (uint64_t)head->e_phnum * sizeof *p);
    for (int i = 0; p && i < head->e_phnum; i++) {
        if (p[i].p_type != PT_LOAD || offset < p[i].p_offset ||
            offset - p[i].p_offset >= p[i].p_filesz)
            continue;
        *address = offset - p[i].p_offset + p[i].p_vaddr;
        return true;
    }
    return false;
}

/* The function in the table `t` around `address`; NULL. */
static const char *look_up(const struct symbol_module *m, const Elf64_Shdr *t,
                           const Elf64_Shdr *names, uint64_t address,
                           uint64_t *offset)
{
    if (names->sh_size == 0 || names->sh_size > m->size)
        return NULL; /* and the sum below cannot overflow */
    const Elf64_Sym *sym = part(m, t->sh_offset, t->sh_size);
    const char *text = part(m, names->sh_offset & ~7ull,
                            names->sh_size + (names->sh_offset & 7));
    if (!sym || !text)
        return NULL;
    text += names->sh_offset & 7;
    if (text[names->sh_size - 1] != '\0')
        return NULL;
    for (uint64_t i = 0; i < t->sh_size / sizeof *sym; i++) {
        int type = ELF64_ST_TYPE(sym[i].st_info);
        if ((type != STT_FUNC && type != STT_GNU_IFUNC) ||
            address < sym[i].st_value ||
            address - sym[i].st_value >= sym[i].st_size ||
            sym[i].st_name >= names->sh_size)
            continue;
        *offset = address - sym[i].st_value;
        return text + sym[i].st_name;
    }
    return NULL;
}

static const char *name_of(const struct symbol_module *m, uint64_t address,
                           uint64_t *offset)
{
    static const uint32_t tables[] = { SHT_SYMTAB, SHT_DYNSYM };
    const Elf64_Ehdr *head = part(m, 0, sizeof *head);
    const Elf64_Shdr *s =
        part(m, head->e_shoff, (uint64_t)head->e_shnum * sizeof *s);
    for (size_t k = 0; s && k < sizeof tables / sizeof *tables; k++)
        for (int i = 0; i < head->e_shnum; i++) {
            if (s[i].sh_type != tables[k] || s[i].sh_link >= head->e_shnum)
                continue;
            const char *name =
                look_up(m, &s[i], &s[s[i].sh_link], address, offset);
            if (name)
                return name;
        }
    return NULL;
}

static bool is_elf(const struct symbol_module *m)
{
    return m->size >= sizeof(Elf64_Ehdr) &&
           memcmp(m->file, ELFMAG, SELFMAG) == 0 &&
           m->file[EI_CLASS] == ELFCLASS64;
}

static void close_module(struct symbol_module *m)
{
    if (m->file)
        munmap((void *)m->file, m->size);
    m->file = NULL;
}

/* Maps the file of m->map. */
static void open_module(struct symbol_module *m, const char *root)
{
    struct text path;
    struct stat st;
    text_init(&path, -1);
    text_add(&path, root);
    text_add(&path, m->map.path);
    int fd = open(text_string(&path), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0) {
        m->size = (size_t)st.st_size;
        void *p = mmap(NULL, m->size, PROT_READ, MAP_PRIVATE, fd, 0);
        m->file = p == MAP_FAILED ? NULL : p;
    }
    close(fd);
    if (m->file && !is_elf(m))
        close_module(m);
}

static struct symbol_module *module_at(struct symbols *s, uint64_t pc)
{
    for (unsigned i = 0; i < s->count && i < SYMBOL_MODULES; i++)
        if (pc >= s->modules[i].map.start && pc < s->modules[i].map.end)
            return &s->modules[i];
    struct peek_map map;
    if (!s->peek->map(s->peek, pc, &map) || pc < map.start || !map.path[0])
        return NULL;
    struct symbol_module *m = &s->modules[s->count++ % SYMBOL_MODULES];
    if (s->count > SYMBOL_MODULES) {
        close_module(m);
        memset(s->cache, 0, sizeof s->cache); /* it may name what is gone */
    }
    m->map = map;
    m->file = NULL;
    open_module(m, s->peek->root);
    return m;
}

void symbols_init(struct symbols *s, struct peek *p)
{
    memset(s, 0, sizeof *s);
    s->peek = p;
}

void symbols_fini(struct symbols *s)
{
    for (unsigned i = 0; i < SYMBOL_MODULES; i++)
        close_module(&s->modules[i]);
}

struct symbol symbols_find(struct symbols *s, uint64_t pc)
{
    struct symbol *known = &s->cache[pc / 4 % SYMBOL_CACHE];
    if (known->pc == pc)
        return *known;
    struct symbol found = { .pc = pc };
    struct symbol_module *m = module_at(s, pc);
    if (m) {
        uint64_t address;
        const char *slash = strrchr(m->map.path, '/');
        found.module = slash ? slash + 1 : m->map.path;
        found.offset = pc - m->map.start + m->map.offset;
        if (m->file && address_of(m, found.offset, &address))
            found.name = name_of(m, address, &found.offset);
    }
    *known = found;
    return found;
}

void symbols_add(struct symbols *s, struct text *t, uint64_t pc)
{
    struct symbol found = symbols_find(s, pc);
    if (!found.module) {
        text_add_hex(t, pc, 1);
        return;
    }
    text_add(t, found.name ? found.name : found.module);
    text_add(t, "+");
    text_add_hex(t, found.offset, 1);
    if (!found.name)
        return;
    text_add(t, " (");
    text_add(t, found.module);
    text_add(t, ")");
}
