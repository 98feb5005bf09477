/*
 * Calls on files that meet their cancellation, or the close of their
 * descriptor: the same on a real loop and in a simulation. In the folder.
 */
#ifndef FILE_RACES_H
#define FILE_RACES_H

#include <fcntl.h>

#include "folder.h"

struct file_race {
    unsigned rounds;
    /* Lets the call come to some moment, or to its end. */
    void (*go_on)(rota_task *t, unsigned round);
};

static bool race_begun;

ROTA_ASYNC(race_write, (int, fd), (char, byte))
{
    race_begun = true;
    return (int)rota_file_pwrite(fd, &byte, 1, 0);
}

ROTA_ASYNC(race_open, (int, flags))
{
    return rota_file_open(path_of("a"), flags, 0600);
}

ROTA_ASYNC(close_one, (int, fd))
{
    return rota_file_close(fd);
}

static inline char race_byte(int fd)
{
    char byte = 0;
    CHECK_INT(pread(fd, &byte, 1, 0), 1);
    return byte;
}

static inline int race_file(const char *name, char byte)
{
    int fd = open(path_of(name), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    CHECK_INT(pwrite(fd, &byte, 1, 0), 1);
    return fd;
}

/* A cancel before, with and after the completion: it was written, and that is
 * told, or it was not. */
static inline void file_race_writes(const struct file_race *r)
{
    int met[2] = { 0 }, fd = race_file("a", '-');
    for (unsigned i = 0; i < r->rounds; i++) {
        char before = race_byte(fd), byte = (char)('A' + i % 26);
        rota_task *t = rota_create_task(race_write, fd, byte);
        r->go_on(t, i);
        rota_task_cancel(t, "test");
        int rc = rota_await(t);
        CHECK(rc == 1 || rc == -ROTA_ECHILD);
        CHECK_INT(race_byte(fd), rc == 1 ? byte : before);
        met[rc == 1]++;
    }
    CHECK(met[0] > 0 && met[1] > 0);
    CHECK_INT(close(fd), 0);
}

/* Opened at once, or where one may wait. */
static inline void file_race_opens(const struct file_race *r)
{
    static const int flags[] = { O_RDONLY, O_RDWR | O_CREAT };
    int met[2] = { 0 }, next = race_file("a", '-');
    CHECK_INT(close(next), 0);
    for (unsigned i = 0; i < r->rounds; i++) {
        rota_task *t = rota_create_task(race_open, flags[i % 4 > 0]);
        r->go_on(t, i / 4);
        rota_task_cancel(t, "test");
        int rc = rota_await(t);
        CHECK_INT(rc, rc < 0 ? -ROTA_ECHILD : next); /* and none is lost */
        if (rc >= 0) {
            t = rota_create_task(close_one, rc);
            if (i / 20 % 2)
                CHECK_INT(rota_checkpoint(), 0);
            rota_task_cancel(t, "test");
            CHECK_INT(rota_await(t), 0);
            CHECK_INT(fcntl(rc, F_GETFD), -1);
        }
        met[rc >= 0]++;
    }
    CHECK(met[0] > 0 && met[1] > 0);
}

/* A writer meets the close, and the number is another file's at once. */
static inline void file_race_closes(const struct file_race *r)
{
    int met[2] = { 0 }, a = race_file("a", '-'), b = race_file("b", '=');
    for (unsigned i = 0; i < r->rounds; i++) {
        char before = race_byte(a), byte = (char)('A' + i % 26);
        int old = fcntl(a, F_DUPFD_CLOEXEC, 0);
        race_begun = false;
        rota_task *t = rota_create_task(race_write, old, byte);
        while (!race_begun)
            CHECK_INT(rota_checkpoint(), 0);
        r->go_on(t, i);
        CHECK_INT(rota_file_close(old), 0);
        int fresh = fcntl(b, F_DUPFD_CLOEXEC, 0);
        CHECK_INT(fresh, old);
        int rc = rota_await(t);
        CHECK(rc == 1 || rc == -EBADF);
        CHECK_INT(race_byte(a), rc == 1 ? byte : before);
        CHECK_INT(race_byte(b), '=');
        CHECK_INT(close(fresh), 0);
        met[rc == 1]++;
    }
    CHECK(met[1] > 0);
    CHECK_INT(close(a), 0);
    CHECK_INT(close(b), 0);
}

#endif
