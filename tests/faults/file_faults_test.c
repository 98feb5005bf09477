/*
 * Files, their names, lines and changes, with every call failing once.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "folder.h"
#include "rota.h"
#include "test.h"

static int use_file(int fd)
{
    char back[8] = "";
    struct stat st;
    int rc = (int)rota_file_write(fd, "0123456789", 10);
    if (rc >= 0)
        rc = rota_file_fdatasync(fd);
    if (rc >= 0)
        rc = rota_file_ftruncate(fd, 5);
    if (rc >= 0)
        rc = rota_file_stat(fd, &st);
    if (rc >= 0)
        rc = st.st_size == 5 ? (int)rota_file_pread(fd, back, 8, 1) : -EINVAL;
    if (rc >= 0 && strcmp(back, "1234") != 0)
        rc = -EINVAL;
    return rc;
}

static int positions(void *arg)
{
    (void)arg;
    int fd = rota_file_open(path_of("a"), O_RDWR | O_CREAT, 0600);
    if (fd < 0)
        return fd;
    int rc = use_file(fd), closed = rota_file_close(fd);
    return rc < 0 ? rc : closed;
}

static int run_positions(void)
{
    return run_in_folder(positions);
}

/* PITFALL 26, PITFALL 63 */
FAULT_TEST("a file written, cut and read", run_positions, 0)

static int use_names(void *arg)
{
    (void)arg;
    struct stat st;
    rota_arena a;
    rota_str to;
    rota_arena_init(&a, NULL, 0);
    int rc = rota_makedirs(path_of("x/y"), 0700);
    if (rc == 0)
        rc = rota_mkdir(path_of("x/z"), 0700);
    if (rc == 0)
        rc = rota_symlink("y", path_of("x/link"));
    if (rc == 0)
        rc = rota_readlink(path_of("x/link"), &a, &to);
    if (rc == 0)
        rc = rota_rename(path_of("x/z"), path_of("x/w"));
    if (rc == 0)
        rc = rota_lstat(path_of("x/link"), &st);
    if (rc == 0)
        rc = rota_chmod(path_of("x/w"), 0711);
    if (rc == 0)
        rc = rota_unlink(path_of("x/link"));
    if (rc == 0)
        rc = rota_rmdir(path_of("x/w"));
    rota_arena_fini(&a);
    return rc;
}

static int run_use_names(void)
{
    return run_in_folder(use_names);
}

/* PITFALL 63 */
FAULT_TEST("names made, followed and removed", run_use_names, 0)

static int list(void *arg)
{
    (void)arg;
    rota_dir *d;
    rota_dir_entry e;
    int count = 0, rc = rota_mkdir(path_of("sub"), 0700);
    if (rc == 0)
        rc = rota_dir_open(folder, &d);
    if (rc < 0)
        return rc;
    while ((rc = rota_dir_next(d, &e)) > 0)
        count++;
    rota_dir_close(d);
    return rc < 0 ? rc : count;
}

static int run_list(void)
{
    return run_in_folder(list);
}

FAULT_TEST("a directory listed", run_list, 1)

static int make_temporaries(void *arg)
{
    (void)arg;
    char file[128], dir[128];
    snprintf(file, sizeof file, "%s", path_of("f-XXXXXX"));
    snprintf(dir, sizeof dir, "%s", path_of("d-XXXXXX"));
    int rc = rota_mkdtemp(dir);
    int fd = rc < 0 ? rc : rota_mkstemp(file);
    if (fd >= 0)
        rota_file_close(fd);
    fd = fd < 0 ? fd : rota_tmpfile(folder);
    if (fd >= 0)
        rota_file_close(fd);
    return fd < 0 ? fd : 0;
}

static int run_temporaries(void)
{
    return run_in_folder(make_temporaries);
}

FAULT_TEST("temporary files", run_temporaries, 0)

/* What the file holds: 1: the old; 2: the new; 0: neither, or there is more
 * than the file. */
static int found(void)
{
    char text[8] = "";
    int fd = open(path_of("a"), O_RDONLY | O_CLOEXEC);
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n < 0 || unlink(path_of("a")) < 0 || rmdir(folder) < 0)
        return 0;
    mkdir(folder, 0700);
    return strcmp(text, "new") == 0 ? 2 : strcmp(text, "old") == 0;
}

static int replace(void *arg)
{
    (void)arg;
    int rc = rota_write_file(path_of("a"), "old", 3, 0600);
    if (rc < 0)
        return rc;
    rc = rota_replace_file(path_of("a"), "new", 3, 0600);
    faults_off();
    int holds = found();
    faults_on();
    if (rc == 0)
        return holds == 2 ? 0 : -ENOTRECOVERABLE;
    return holds > 0 ? rc : -ENOTRECOVERABLE;
}

static int run_replace(void)
{
    return run_in_folder(replace);
}

FAULT_TEST("a file replaced is the old one or the new one", run_replace, 0)

static int copy(void *arg)
{
    (void)arg;
    int rc = rota_write_file(path_of("a"), "what is copied", 14, 0600);
    if (rc == 0)
        rc = rota_copy_file(path_of("a"), path_of("b"));
    struct stat st;
    if (rc == 0)
        rc = rota_stat(path_of("b"), &st);
    return rc < 0 ? rc : (int)st.st_size;
}

static int run_copy(void)
{
    return run_in_folder(copy);
}

FAULT_TEST("a file copied", run_copy, 14)

static int read_lines(void *arg)
{
    (void)arg;
    rota_str line;
    rota_file_reader *r = NULL;
    int rc = rota_write_file(path_of("a"), "one\ntwo\n", 8, 0600), lines = 0;
    int fd = rc < 0 ? rc : rota_file_open(path_of("a"), O_RDONLY, 0);
    rc = fd < 0 ? fd : rota_file_reader_new(fd, &r);
    while (rc == 0 && (rc = (int)rota_file_reader_readline(r, &line)) > 0) {
        lines++;
        rc = 0;
    }
    rota_file_reader_free(r);
    if (fd >= 0)
        rota_file_close(fd);
    return rc < 0 ? rc : lines;
}

static int run_read_lines(void)
{
    return run_in_folder(read_lines);
}

FAULT_TEST("lines read", run_read_lines, 2)

static int watch(void *arg)
{
    (void)arg;
    rota_watch *w;
    rota_watch_event e = { 0 };
    int rc = rota_watch_new(&w);
    if (rc < 0)
        return rc;
    rc = rota_watch_add(w, path_of("a"));
    if (rc >= 0)
        rc = rota_watch_add(w, folder);
    if (rc >= 0)
        rc = rota_mkdir(path_of("a"), 0700);
    if (rc >= 0)
        rc = rota_watch_next(w, &e);
    if (rc >= 0)
        rc = rota_watch_next(w, &e);
    if (rc >= 0)
        rc = rota_watch_remove(w, e.id);
    rota_watch_close(w);
    return rc < 0 ? rc : e.what == ROTA_WATCH_CREATED;
}

static int run_watch(void)
{
    return run_in_folder(watch);
}

FAULT_TEST("changes watched", run_watch, 1)
