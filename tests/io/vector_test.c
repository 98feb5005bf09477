/* Many pieces of memory in one call, lengths beyond an int, shutdown. */
#include "pair.h"

#include <limits.h>
#include <poll.h>
#include <sys/mman.h>

ROTA_ASYNC(writev_fd, (int, fd), (const struct iovec *, v), (int, count))
{
    return (int)rota_writev(fd, v, count);
}

ROTA_ASYNC(readv_fd, (int, fd), (const struct iovec *, v), (int, count))
{
    return (int)rota_readv(fd, v, count);
}

static char byte_at(size_t i)
{
    return (char)(i * 31 + i / 251);
}

enum { VECTORS = 3 * IOV_MAX + 7, LONGEST = 997 };

/* Vectors of many lengths, every seventh empty; the bytes of all of them. */
static size_t cut(char *data, struct iovec v[VECTORS])
{
    size_t at = 0;
    for (size_t i = 0; i < VECTORS; i++) {
        v[i].iov_len = i % 7 == 3 ? 0 : i * 13 % LONGEST;
        v[i].iov_base = data + at;
        at += v[i].iov_len;
    }
    return at;
}

static void make_ends(int kind, int ends[2])
{
    if (kind < 2)
        CHECK_INT(pipe2(ends, O_CLOEXEC | (kind ? O_NONBLOCK : 0)), 0);
    else
        CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
}

static int gathers(void *arg)
{
    (void)arg;
    static char data[VECTORS * LONGEST];
    static struct iovec v[VECTORS];
    size_t size = cut(data, v);
    for (size_t i = 0; i < size; i++)
        data[i] = byte_at(i);
    for (int kind = 0; kind < 3; kind++) {
        int ends[2];
        make_ends(kind, ends);
        rota_task *t = rota_create_task(writev_fd, ends[1], v, VECTORS);
        for (size_t got = 0; got < size;) {
            char part[4001];
            ssize_t n = rota_read(ends[0], part, sizeof part);
            CHECK(n > 0);
            for (ssize_t i = 0; i < n; i++)
                if (part[i] != byte_at(got + (size_t)i))
                    test_fail(TEST_AT, "byte %zu", got + (size_t)i);
            got += (size_t)n;
        }
        CHECK_INT(rota_await(t), size);
        CHECK_INT(rota_close(ends[0]), 0);
        CHECK_INT(rota_writev(ends[1], v, VECTORS), -EPIPE);
        CHECK_INT(rota_close(ends[1]), 0);
    }
    return 0;
}

/* PITFALL 28 */
TEST("more vectors than IOV_MAX are written whole, to pipes and sockets")
{
    run_clean(gathers);
}

static int scatters(void *arg)
{
    (void)arg;
    static char data[VECTORS * LONGEST];
    static struct iovec v[VECTORS];
    size_t size = cut(data, v);
    for (int kind = 0; kind < 3; kind++) {
        int ends[2];
        make_ends(kind, ends);
        memset(data, 0, size);
        rota_task *t = rota_create_task(readv_fd, ends[0], v, VECTORS);
        settle();
        CHECK(!rota_task_done(t));
        CHECK_INT(rota_readv(ends[0], v, 1), 0); /* that one is empty */
        CHECK_INT(rota_readv(ends[0], v, 2), -EBUSY);
        char sent[3000];
        for (size_t i = 0; i < sizeof sent; i++)
            sent[i] = byte_at(i);
        write_fully(ends[1], sent, sizeof sent);
        CHECK_INT(rota_await(t), sizeof sent);
        CHECK(memcmp(data, sent, sizeof sent) == 0);
        CHECK_INT(data[sizeof sent], 0);
        CHECK_INT(rota_close(ends[1]), 0);
        CHECK_INT(rota_readv(ends[0], v, VECTORS), 0);
        CHECK_INT(rota_close(ends[0]), 0);
    }
    return 0;
}

TEST("a read fills vector after vector, and waits for the first byte only")
{
    run_clean(scatters);
}

static int refuses(void *arg)
{
    (void)arg;
    char c = 'x';
    struct iovec much[] = { { &c, SSIZE_MAX }, { &c, 1 } };
    int ends[2];
    make_ends(1, ends);
    CHECK_INT(rota_writev(ends[1], much, 2), -EINVAL);
    CHECK_INT(rota_writev(ends[1], much, -1), -EINVAL);
    CHECK_INT(rota_readv(ends[0], much, 2), -EINVAL);
    CHECK_INT(rota_readv(ends[0], much, -1), -EINVAL);
    CHECK_INT(rota_write(ends[1], &c, (size_t)SSIZE_MAX + 1), -EINVAL);
    CHECK_INT(rota_writev(ends[1], NULL, 0), 0);
    CHECK_INT(rota_readv(ends[0], NULL, 0), 0);
    CHECK_INT(rota_write(ends[1], NULL, 0), 0);
    CHECK_INT(rota_read(ends[0], NULL, 0), 0);
    CHECK_INT(rota_writev(-1, much, 1), -EBADF);
    CHECK_INT(rota_readv(-1, much, 1), -EBADF);
    CHECK_INT(rota_close(ends[0]), 0);
    CHECK_INT(rota_close(ends[1]), 0);
    return 0;
}

/* PITFALL 28 */
TEST("no vectors are no bytes; too many bytes are refused")
{
    run_clean(refuses);
}

static int long_ones(void *arg)
{
    (void)arg;
    const size_t size = 3ULL << 30;
    /* Never touched, so it takes no memory. */
    char *much = mmap(NULL, size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(much != MAP_FAILED);
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC), ends[2];
    CHECK_INT(rota_write(null, much, size), size);
    struct iovec v[] = { { much, size }, { much, 0 }, { much + 5, size - 5 } };
    CHECK_INT(rota_writev(null, v, 3), 2 * size - 5);
    make_ends(1, ends);
    write_fully(ends[1], "few", 3);
    CHECK_INT(rota_read(ends[0], much, size), 3);
    CHECK(memcmp(much, "few", 3) == 0);
    write_fully(ends[1], "few", 3);
    CHECK_INT(rota_readv(ends[0], v, 3), 3);
    CHECK_INT(rota_close(ends[0]), 0);
    CHECK_INT(rota_close(ends[1]), 0);
    CHECK_INT(rota_close(null), 0);
    munmap(much, size);
    return 0;
}

/* PITFALL 28 */
TEST("lengths of gibibytes are written whole and read in part")
{
    run_clean(long_ones);
}

static int is_cut(void *arg)
{
    (void)arg;
    static char data[VECTORS * LONGEST];
    static struct iovec v[VECTORS];
    size_t size = cut(data, v);
    for (size_t i = 0; i < size; i++)
        data[i] = byte_at(i);
    for (int kind = 0; kind < 3; kind++) {
        int ends[2];
        make_ends(kind, ends);
        rota_task *t = rota_create_task(writev_fd, ends[1], v, VECTORS);
        settle();
        CHECK_INT(rota_writev(ends[1], v, VECTORS), -EBUSY);
        CHECK_INT(rota_write(ends[1], "no", 2), -EBUSY);
        rota_task_cancel(t, "test");
        rota_outcome o;
        CHECK_INT(rota_join(t, &o), 0);
        rota_task_unref(t);
        CHECK_INT(o.state, ROTA_OK);
        CHECK(o.rc > 0 && o.rc < (int)size);
        CHECK_INT(rota_close(ends[1]), 0);
        char part[4001];
        int got = 0;
        ssize_t n;
        while ((n = rota_read(ends[0], part, sizeof part)) > 0)
            for (ssize_t i = 0; i < n; i++, got++)
                CHECK_INT(part[i], byte_at((size_t)got));
        CHECK_INT(n, 0);
        CHECK_INT(got, o.rc);
        CHECK_INT(rota_close(ends[0]), 0);
    }
    return 0;
}

TEST("a cancelled write of vectors tells what went out; one at a time")
{
    run_clean(is_cut);
}

ROTA_ASYNC(read_fd, (int, fd), (char *, data), (size_t, size))
{
    return (int)rota_read(fd, data, size);
}

ROTA_ASYNC(write_fd, (int, fd), (const char *, data), (size_t, size))
{
    return (int)rota_write(fd, data, size);
}

static int shuts(void *arg)
{
    (void)arg;
    static char block[4 << 20];
    struct pair (*const makers[])(void) = { tcp_pair, unix_pair };
    for (int i = 0; i < 2; i++) {
        struct pair p = makers[i]();
        int fd = rota_stream_fd(p.s);
        char data[8];
        rota_task *t = rota_create_task(read_fd, fd, data, sizeof data);
        settle();
        CHECK_INT(rota_shutdown(fd, 77), -EINVAL);
        CHECK_INT(rota_shutdown(fd, SHUT_WR), 0);
        CHECK(!rota_task_done(t));
        CHECK_INT(rota_write(fd, "x", 1), -EPIPE);
        CHECK_INT(rota_read(p.peer, data, sizeof data), 0);
        CHECK_INT(rota_write(p.peer, "on", 2), 2);
        CHECK_INT(rota_await(t), 2);
        /* The end that is made at home, under a reader and a writer. */
        t = rota_create_task(read_fd, fd, data, sizeof data);
        rota_task *w = rota_create_task(write_fd, p.peer, block, sizeof block);
        settle();
        CHECK_INT(rota_shutdown(p.peer, SHUT_RDWR), 0);
        CHECK(rota_await(w) > 0);
        CHECK(rota_await(t) >= 0);
        CHECK_INT(rota_write(p.peer, "x", 1), -EPIPE);
        pair_close(&p);
        CHECK_INT(rota_shutdown(fd, SHUT_WR), -EBADF);
    }
    CHECK_INT(rota_shutdown(-1, SHUT_WR), -EBADF);
    int ends[2];
    make_ends(0, ends);
    CHECK_INT(rota_shutdown(ends[1], SHUT_WR), -ENOTSOCK);
    CHECK_INT(rota_close(ends[0]), 0);
    CHECK_INT(rota_close(ends[1]), 0);
    return 0;
}

/* PITFALL 22 */
TEST("a shutdown ends one direction, under those who wait there too")
{
    run_clean(shuts);
}
