/*
 * checksum file|directory ...: sums of files, many at a time, printed as
 * cksum(1) does. Directories are gone through, for files. The order is that of
 * getting ready.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "rota.h"

enum { AT_ONCE = 32, PIECE = 256 << 10, POLYNOMIAL = 0x04c11db7 };
static int failures;

static int fail(const char *path, int rc)
{
    fprintf(stderr, "checksum: %s: %s\n", path, rota_errmsg(rc));
    failures++;
    return rc == -ECANCELED ? rc : 0; /* the others go on */
}

/* The CRC of POSIX's cksum: the highest bit first. */
static uint32_t table[256];

static uint32_t add_byte(uint32_t crc, uint8_t byte)
{
    return crc << 8 ^ table[crc >> 24 ^ byte];
}

struct sum {
    uint32_t crc;
    uint64_t length;
    ssize_t size; /* of the data at hand */
    uint8_t data[PIECE];
};

static int add_piece(void *arg)
{
    struct sum *s = arg;
    for (ssize_t i = 0; i < s->size; i++)
        s->crc = add_byte(s->crc, s->data[i]);
    s->length += (uint64_t)s->size;
    return 0;
}

ROTA_ASYNC(sum_file, (char *, path))
{
    struct sum *s = calloc(1, sizeof *s);
    int fd = s ? rota_file_open(path, O_RDONLY, 0) : -ENOMEM;
    int rc = fd < 0 ? fd : 0;
    while (rc == 0 && (s->size = rota_file_read(fd, s->data, PIECE)) != 0)
        rc = s->size < 0 ? (int)s->size : rota_to_cpu(add_piece, s);
    if (rc < 0) {
        rc = fail(path, rc);
    } else { /* the length follows the data, from its lowest byte */
        for (uint64_t rest = s->length; rest > 0; rest >>= 8)
            s->crc = add_byte(s->crc, (uint8_t)rest);
        printf("%u %ju %s\n", ~s->crc, (uintmax_t)s->length, path);
    }
    if (fd >= 0)
        rota_file_close(fd);
    free(s);
    free(path);
    return rc;
}

/* Takes `path` over; waits while there is enough to do already. */
static int go_through(rota_group *g, char *path, bool directory)
{
    rota_dir_entry e;
    rota_dir *d = NULL;
    int rc = directory ? rota_dir_open(path, &d)
                       : rota_group_create_task(g, sum_file, path);
    if (rc == 0 && !directory)
        return 0; /* it is the task's now */
    while (rc >= 0 && (rc = rota_dir_next(d, &e)) > 0) {
        char *below;
        if (e.type != DT_REG && e.type != DT_DIR)
            continue;
        rc = asprintf(&below, "%s/%s", path, e.name.ptr);
        rc = rc < 0 ? -ENOMEM : go_through(g, below, e.type == DT_DIR);
    }
    rota_dir_close(d);
    rc = rc < 0 ? fail(path, rc) : 0;
    free(path);
    return rc;
}

static int checksum(void *arg)
{
    rota_group g;
    int rc = rota_group_begin(&g, 0);
    if (rc < 0)
        return rc;
    rota_group_limit(&g, AT_ONCE);
    for (char **path = arg; *path && rc == 0; path++) {
        struct stat st;
        char *copy = NULL;
        rc = rota_stat(*path, &st);
        if (rc == 0 && !(copy = strdup(*path)))
            rc = -ENOMEM;
        rc = rc < 0 ? fail(*path, rc)
                    : go_through(&g, copy, S_ISDIR(st.st_mode));
    }
    rc = rota_group_end(&g, rc);
    return rc < 0 ? rc : failures > 0;
}

int main(int argc, char **argv)
{
    for (uint32_t i = 0; i < 256; i++) {
        table[i] = i << 24;
        for (int bit = 0; bit < 8; bit++)
            table[i] = table[i] << 1 ^ (table[i] >> 31) * POLYNOMIAL;
    }
    return rota_run(checksum, argv + (argc > 0), NULL) == 0 ? 0 : 1;
}
