/* Files: limits, odd files, changes meanwhile; the loop is never blocked.
 * PITFALLS 25, 34. */
#include "folder.h"

#include <dirent.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>

static int round_trip(void *arg)
{
    (void)arg;
    rota_arena a;
    char first[256];
    rota_str out = { "untouched", 9 };
    rota_arena_init(&a, first, sizeof first);
    CHECK_INT(rota_write_file(path_of("a"), "hello", 5, 0640), 0);
    struct stat st;
    CHECK_INT(stat(path_of("a"), &st), 0);
    CHECK_INT(st.st_mode & 0777, 0640);
    CHECK_INT(rota_read_file(path_of("a"), &a, 5, &out), 0);
    CHECK(rota_str_eq(out, ROTA_STR("hello")));
    CHECK_INT(out.ptr[5], 0);
    CHECK_INT(rota_write_file(path_of("a"), "", 0, 0640), 0);
    CHECK_INT(rota_read_file(path_of("a"), &a, 5, &out), 0);
    CHECK_INT(out.len, 0);
    CHECK_INT(out.ptr[0], 0);
    out = ROTA_STR("untouched");
    CHECK_INT(rota_read_file(path_of("none"), &a, 5, &out), -ENOENT);
    CHECK_INT(rota_read_file(folder, &a, 5, &out), -EISDIR);
    CHECK_INT(rota_read_file_fd(-1, &a, 5, &out), -EBADF);
    CHECK_INT(rota_write_file(folder, "x", 1, 0600), -EISDIR);
    CHECK_INT(rota_write_file(path_of("no/such"), "x", 1, 0600), -ENOENT);
    CHECK(rota_str_eq(out, ROTA_STR("untouched")));
    rota_arena_fini(&a);
    return 0;
}

TEST("a whole file is written and read; what is none says why")
{
    umask(0);
    run_in_folder(round_trip);
}

static int limits(void *arg)
{
    (void)arg;
    rota_arena a;
    rota_str out;
    rota_arena_init(&a, NULL, 0);
    static char data[100000];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (char)(i * 31);
    CHECK_INT(rota_write_file(path_of("a"), data, sizeof data, 0600), 0);
    CHECK_INT(rota_read_file(path_of("a"), &a, sizeof data, &out), 0);
    CHECK_INT(out.len, sizeof data);
    CHECK(memcmp(out.ptr, data, sizeof data) == 0);
    CHECK_INT(rota_read_file(path_of("a"), &a, sizeof data - 1, &out), -EFBIG);
    CHECK_INT(rota_read_file(path_of("a"), &a, 0, &out), -EFBIG);
    CHECK_INT(rota_read_file(path_of("a"), &a, SIZE_MAX, &out), 0);
    /* Files that do not tell their size, or have no end. */
    CHECK_INT(rota_read_file("/proc/self/status", &a, 1 << 20, &out), 0);
    CHECK(out.len > 100 && strlen(out.ptr) == out.len);
    CHECK_INT(rota_read_file("/proc/self/status", &a, 10, &out), -EFBIG);
    CHECK_INT(rota_read_file("/dev/zero", &a, 1 << 20, &out), -EFBIG);
    CHECK_INT(rota_read_file("/dev/null", &a, 10, &out), 0);
    CHECK_INT(out.len, 0);
    rota_arena_fini(&a);
    return 0;
}

TEST("a file beyond the limit is -EFBIG, whatever size it tells")
{
    run_in_folder(limits);
}

static int fifos(void *arg)
{
    (void)arg;
    rota_arena a;
    rota_str out;
    char data[4];
    rota_arena_init(&a, NULL, 0);
    CHECK_INT(mkfifo(path_of("fifo"), 0600), 0);
    CHECK_INT(rota_read_file(path_of("fifo"), &a, 100, &out), -ESPIPE);
    CHECK_INT(rota_write_file(path_of("fifo"), "x", 1, 0600), -ENXIO);
    CHECK_INT(rota_file_open(path_of("fifo"), O_WRONLY, 0), -ENXIO);
    int in = rota_file_open(path_of("fifo"), O_RDONLY, 0);
    CHECK(in >= 0);
    CHECK_INT(rota_file_pread(in, data, 4, 0), -ESPIPE);
    CHECK_INT(rota_read_file_fd(in, &a, 4, &out), -ESPIPE);
    CHECK_INT(rota_write_file(path_of("fifo"), "x", 1, 0600), 0);
    CHECK_INT(rota_read(in, data, 4), 1);
    CHECK_INT(rota_close(in), 0);
    rota_arena_fini(&a);
    return 0;
}

TEST("a FIFO hangs nobody")
{
    run_in_folder(fifos);
}

static int by_descriptor(void *arg)
{
    (void)arg;
    rota_arena a;
    rota_str out;
    char data[16];
    struct stat st;
    rota_arena_init(&a, NULL, 0);
    int fd = rota_file_open(path_of("a"), O_RDWR | O_CREAT | O_EXCL, 0600);
    CHECK(fd >= 0);
    CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    CHECK_INT(rota_file_open(path_of("a"), O_RDWR | O_CREAT | O_EXCL, 0600),
              -EEXIST);
    CHECK_INT(rota_file_pwrite(fd, "0123456789", 10, 0), 10);
    CHECK_INT(rota_file_pwrite(fd, "xy", 2, 4), 2);
    CHECK_INT(rota_file_pread(fd, data, sizeof data, 2), 8);
    CHECK(memcmp(data, "23xy6789", 8) == 0);
    CHECK_INT(rota_file_pread(fd, data, sizeof data, 10), 0);
    CHECK_INT(rota_file_pread(fd, data, sizeof data, 1000), 0);
    CHECK_INT(rota_file_pread(fd, data, 0, 0), 0);
    CHECK_INT(rota_file_pread(fd, data, 4, -1), -EINVAL);
    CHECK_INT(rota_file_pwrite(fd, data, 4, INT64_MAX), -EINVAL);
    CHECK_INT(rota_file_stat(fd, &st), 0);
    CHECK_INT(st.st_size, 10);
    CHECK_INT(rota_file_fsync(fd), 0);
    CHECK_INT(rota_read_file_fd(fd, &a, 100, &out), 0);
    CHECK(rota_str_eq(out, ROTA_STR("0123xy6789")));
    CHECK_INT(fcntl(fd, F_GETFD) >= 0, 1); /* it stays open */
    /* Beyond 4 GiB, in a file with a hole. */
    off_t far = ((off_t)5 << 30) + 3;
    CHECK_INT(rota_file_pwrite(fd, "far", 3, far), 3);
    CHECK_INT(rota_file_stat(fd, &st), 0);
    CHECK_INT(st.st_size, far + 3);
    CHECK_INT(rota_file_pread(fd, data, sizeof data, far - 1), 4);
    CHECK(memcmp(data, "\0far", 4) == 0);
    CHECK_INT(rota_read_file_fd(fd, &a, 100, &out), -EFBIG);
    CHECK_INT(rota_file_close(fd), 0);
    CHECK_INT(rota_file_pread(fd, data, 1, 0), -EBADF);
    CHECK_INT(rota_file_stat(fd, &st), -EBADF);
    CHECK_INT(rota_file_fsync(fd), -EBADF);
    CHECK_INT(rota_file_close(fd), -EBADF);
    fd = rota_file_open(path_of("a"), O_WRONLY | O_APPEND | O_TRUNC, 0);
    CHECK_INT(rota_file_pwrite(fd, "ab", 2, 0), 2);
    CHECK_INT(rota_file_pwrite(fd, "cd", 2, 0), 2); /* at the end, too */
    CHECK_INT(rota_file_pread(fd, data, 1, 0), -EBADF);
    CHECK_INT(rota_file_close(fd), 0);
    CHECK_INT(rota_read_file(path_of("a"), &a, 100, &out), 0);
    CHECK(rota_str_eq(out, ROTA_STR("abcd")));
    rota_arena_fini(&a);
    return 0;
}

TEST("PITFALL 34: offsets, the end, holes beyond 4 GiB, O_APPEND")
{
    run_in_folder(by_descriptor);
}

/* Grows and shrinks a file while it is read. */
struct churn {
    int fd;
    atomic_bool stop;
};

static void *churn(void *arg)
{
    struct churn *c = arg;
    static char block[30000];
    memset(block, 'b', sizeof block);
    for (unsigned i = 0; !atomic_load(&c->stop); i++) {
        if (ftruncate(c->fd, (off_t)(i * 7919 % sizeof block)) < 0 ||
            pwrite(c->fd, block, i * 104729 % sizeof block, 0) < 0)
            break;
    }
    return NULL;
}

static int changes(void *arg)
{
    (void)arg;
    rota_arena a;
    rota_str out;
    pthread_t thread;
    struct churn c = { .stop = false };
    rota_arena_init(&a, NULL, 0);
    CHECK_INT(rota_write_file(path_of("b"), "b", 1, 0600), 0);
    c.fd = open(path_of("b"), O_RDWR | O_CLOEXEC);
    CHECK_INT(pthread_create(&thread, NULL, churn, &c), 0);
    for (int i = 0; i < 2000; i++) {
        int rc = rota_read_file(path_of("b"), &a, 20000, &out);
        CHECK(rc == 0 || rc == -EFBIG);
        if (rc == 0) {
            CHECK(out.len <= 20000);
            CHECK_INT(out.ptr[out.len], 0);
        }
        rota_arena_reset(&a);
    }
    atomic_store(&c.stop, true);
    pthread_join(thread, NULL);
    close(c.fd);
    rota_arena_fini(&a);
    return 0;
}

TEST_LIMITED("PITFALL 34: a file that changes while it is read", 120)
{
    run_in_folder(changes);
}

/* Counts turns of the loop: they go on while another task waits for a file. */
struct ticker {
    int ticks;
    bool stop;
};

ROTA_ASYNC(tick, (struct ticker *, k))
{
    while (!k->stop) {
        k->ticks++;
        int rc = rota_checkpoint();
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int ticks_on(void *arg)
{
    (void)arg;
    enum { SIZE = 64 << 20 };
    struct ticker k = { 0 };
    rota_arena a;
    rota_str out;
    rota_arena_init(&a, NULL, 0);
    char *data = malloc(SIZE);
    CHECK(data != NULL);
    memset(data, 'z', SIZE);
    rota_task *t = rota_create_task(tick, &k);
    int before = k.ticks;
    CHECK_INT(rota_write_file(path_of("a"), data, SIZE, 0600), 0);
    CHECK(k.ticks > before);
    before = k.ticks;
    CHECK_INT(rota_read_file(path_of("a"), &a, SIZE, &out), 0);
    CHECK(k.ticks > before);
    CHECK_INT(out.len, SIZE);
    CHECK(memcmp(out.ptr, data, SIZE) == 0);
    k.stop = true;
    CHECK_INT(rota_await(t), 0);
    free(data);
    rota_arena_fini(&a);
    return 0;
}

TEST_LIMITED("a task ticks on while a big file is written and read", 120)
{
    run_in_folder(ticks_on);
}

static rota_fn *blocked_fn;

static int in_thread(void *arg)
{
    return blocked_fn(arg);
}

static int read_in_thread(void *arg)
{
    rota_str *out = arg;
    static char memory[4096];
    static rota_arena a;
    rota_arena_init(&a, memory, sizeof memory);
    int rc = rota_write_file(path_of("a"), "deep", 4, 0600);
    int fd = rc == 0 ? rota_file_open(path_of("a"), O_RDONLY, 0) : rc;
    if (fd < 0)
        return fd;
    rc = rota_read_file_fd(fd, &a, 100, out);
    int closed = rota_file_close(fd);
    return rc < 0 ? rc : closed;
}

static int from_thread(void *arg)
{
    (void)arg;
    rota_str out;
    blocked_fn = read_in_thread;
    CHECK_INT(rota_to_thread(in_thread, &out), 0);
    CHECK(rota_str_eq(out, ROTA_STR("deep")));
    return 0;
}

TEST("inside a thread job the same calls simply run")
{
    run_in_folder(from_thread);
}

static int wait_for_flag(void *arg)
{
    atomic_bool *go = arg;
    while (!atomic_load(go))
        usleep(200);
    return 0;
}

ROTA_ASYNC(block_thread, (atomic_bool *, go))
{
    return rota_to_thread(wait_for_flag, go);
}

ROTA_ASYNC(block_cpu, (atomic_bool *, go))
{
    return rota_to_cpu(wait_for_flag, go);
}

static int starve(void *arg)
{
    (void)arg;
    enum { BLOCKERS = 4 };
    atomic_bool go = false;
    rota_task *t[2 * BLOCKERS];
    for (int i = 0; i < BLOCKERS; i++) {
        t[2 * i] = rota_create_task(block_thread, &go);
        t[2 * i + 1] = rota_create_task(block_cpu, &go);
    }
    settle();
    int fd = rota_file_open(path_of("a"), O_RDWR | O_CREAT, 0600);
    CHECK(fd >= 0);
    CHECK_INT(rota_file_pwrite(fd, "x", 1, 0), 1);
    CHECK_INT(rota_file_fsync(fd), 0);
    CHECK_INT(rota_file_close(fd), 0);
    atomic_store(&go, true);
    for (int i = 0; i < 2 * BLOCKERS; i++)
        CHECK_INT(rota_await(t[i]), 0);
    return 0;
}

/* PITFALL 54 */
TEST("files go on while the threads for other work are all blocked")
{
    folder_make();
    rota_run_options o = { .threads = 2, .cpu_threads = 1 };
    CHECK_INT(rota_run(starve, NULL, &o), 0);
}

static int at_position(void *arg)
{
    (void)arg;
    char data[16] = "";
    struct stat st;
    int fd = rota_file_open(path_of("a"), O_RDWR | O_CREAT, 0600);
    CHECK_INT(rota_file_write(fd, "01234", 5), 5);
    CHECK_INT(rota_file_write(fd, "56789", 5), 5);
    CHECK_INT(rota_file_read(fd, data, 4), 0);
    CHECK_INT(lseek(fd, 2, SEEK_SET), 2);
    CHECK_INT(rota_file_read(fd, data, 4), 4);
    CHECK_STR(data, "2345");
    CHECK_INT(rota_file_pread(fd, data, 2, 0), 2); /* it stands where it was */
    CHECK_INT(rota_file_read(fd, data, sizeof data), 4);
    CHECK(memcmp(data, "6789", 4) == 0);
    CHECK_INT(rota_file_read(fd, data, sizeof data), 0);
    CHECK_INT(rota_file_read(fd, data, 0), 0);
    CHECK_INT(rota_file_write(fd, data, 0), 0);
    CHECK_INT(rota_file_read(fd, data, (size_t)SSIZE_MAX + 1), -EINVAL);
    CHECK_INT(rota_file_fdatasync(fd), 0);
    CHECK_INT(rota_file_ftruncate(fd, 3), 0);
    CHECK_INT(rota_file_stat(fd, &st), 0);
    CHECK_INT(st.st_size, 3);
    CHECK_INT(rota_file_ftruncate(fd, -1), -EINVAL);
    CHECK_INT(rota_file_close(fd), 0);
    CHECK_INT(rota_file_ftruncate(fd, 3), -EBADF);
    CHECK_INT(rota_file_fdatasync(fd), -EBADF);
    CHECK_INT(rota_file_read(fd, data, 1), -EBADF);
    CHECK_INT(rota_file_write(fd, data, 1), -EBADF);
    fd = rota_file_open(path_of("a"), O_WRONLY | O_APPEND, 0);
    CHECK_INT(rota_file_write(fd, "xy", 2), 2);
    CHECK_INT(rota_file_ftruncate(fd, 1), 0);
    CHECK_INT(rota_file_write(fd, "z", 1), 1);
    CHECK_INT(rota_file_read(fd, data, 1), -EBADF);
    CHECK_INT(rota_file_close(fd), 0);
    fd = rota_file_open(path_of("a"), O_RDONLY, 0);
    CHECK_INT(rota_file_read(fd, data, sizeof data), 2);
    CHECK(memcmp(data, "0z", 2) == 0);
    CHECK_INT(rota_file_write(fd, "x", 1), -EBADF);
    CHECK_INT(rota_file_close(fd), 0);
    fd = rota_file_open(folder, O_RDONLY | O_DIRECTORY, 0);
    CHECK_INT(rota_file_read(fd, data, 1), -EISDIR);
    CHECK_INT(rota_file_pread(fd, data, 1, 0), -EISDIR);
    CHECK_INT(rota_file_fsync(fd), 0);
    CHECK_INT(rota_file_close(fd), 0);
    return 0;
}

/* PITFALL 34 */
TEST("reading and writing where the file stands moves it on")
{
    run_in_folder(at_position);
}

enum { LARGE = 3 << 20 };

static int large(void *arg)
{
    (void)arg;
    char *data = malloc(LARGE), *back = malloc(LARGE);
    CHECK(data && back);
    for (int i = 0; i < LARGE; i++)
        data[i] = (char)(i * 31 / 11);
    int fd = rota_file_open(path_of("a"), O_RDWR | O_CREAT, 0600);
    CHECK_INT(rota_file_write(fd, data, LARGE), LARGE);
    CHECK_INT(rota_file_pread(fd, back, LARGE, 1), LARGE - 1);
    CHECK(memcmp(back, data + 1, LARGE - 1) == 0);
    CHECK_INT(lseek(fd, 0, SEEK_SET), 0);
    CHECK_INT(rota_file_read(fd, back, LARGE), LARGE);
    CHECK(memcmp(back, data, LARGE) == 0);
    /* What memory does not hold. */
    CHECK_INT(rota_file_fsync(fd), 0);
    CHECK_INT(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
    memset(back, 0, LARGE);
    CHECK_INT(rota_file_pread(fd, back, 5000, 77), 5000);
    CHECK(memcmp(back, data + 77, 5000) == 0);
    CHECK_INT(rota_file_pread(fd, back, LARGE, 0), LARGE);
    CHECK(memcmp(back, data, LARGE) == 0);
    CHECK_INT(rota_file_close(fd), 0);
    free(data);
    free(back);
    return 0;
}

TEST("large pieces arrive whole, from memory and from the disk")
{
    run_in_folder(large);
}

static int direct(void *arg)
{
    (void)arg;
    enum { BLOCK = 4096 };
    char *data = aligned_alloc(BLOCK, 2 * BLOCK);
    CHECK(data != NULL);
    memset(data, 'd', 2 * BLOCK);
    int fd = rota_file_open(path_of("a"), O_RDWR | O_CREAT | O_DIRECT, 0600);
    if (fd == -EINVAL)
        test_skip("this file system knows no O_DIRECT");
    CHECK_INT(rota_file_pwrite(fd, data, 2 * BLOCK, 0), 2 * BLOCK);
    memset(data, 0, 2 * BLOCK);
    CHECK_INT(rota_file_pread(fd, data, 2 * BLOCK, BLOCK), BLOCK);
    CHECK(data[0] == 'd' && data[BLOCK - 1] == 'd');
    CHECK_INT(rota_file_read(fd, data, BLOCK), BLOCK);
    CHECK_INT(rota_file_pread(fd, data + 1, BLOCK, 0), -EINVAL);
    CHECK_INT(rota_file_pwrite(fd, data, 100, 0), -EINVAL);
    CHECK_INT(rota_file_close(fd), 0);
    free(data);
    return 0;
}

/* PITFALL 34 */
TEST("O_DIRECT works, and asks for its alignment")
{
    test_needs_kernel();
    run_in_folder(direct);
}

static int no_room(void *arg)
{
    (void)arg;
    enum { LIMIT = 1000 };
    char data[2 * LIMIT];
    memset(data, 'x', sizeof data);
    int fd = rota_file_open("/dev/full", O_RDWR, 0);
    CHECK_INT(rota_file_write(fd, data, 10), -ENOSPC);
    CHECK_INT(rota_file_pwrite(fd, data, 10, 0), -ENOSPC);
    CHECK_INT(rota_file_close(fd), 0);
    CHECK_INT(rota_write_file("/dev/full", "x", 1, 0600), -ENOSPC);
    struct rlimit old, tight;
    CHECK_INT(getrlimit(RLIMIT_FSIZE, &old), 0);
    tight = old;
    tight.rlim_cur = LIMIT;
    CHECK_INT(setrlimit(RLIMIT_FSIZE, &tight), 0);
    fd = rota_file_open(path_of("a"), O_RDWR | O_CREAT, 0600);
    CHECK_INT(rota_file_write(fd, data, sizeof data), LIMIT); /* what went */
    CHECK_INT(rota_file_write(fd, data, sizeof data), -EFBIG);
    CHECK_INT(rota_file_pwrite(fd, data, 1, LIMIT), -EFBIG);
    CHECK_INT(rota_file_ftruncate(fd, LIMIT + 1), -EFBIG);
    CHECK_INT(rota_file_close(fd), 0);
    CHECK_INT(rota_write_file(path_of("b"), data, sizeof data, 0600), -EFBIG);
    CHECK_INT(setrlimit(RLIMIT_FSIZE, &old), 0);
    return 0;
}

TEST("a full disk and a limit of size are errors, not the end")
{
    test_needs_kernel();
    run_in_folder(no_room);
}

static int pipes(void *arg)
{
    (void)arg;
    enum { SIZE = 1 << 20 };
    int fds[2]; /* they block */
    char *data = malloc(SIZE);
    CHECK(data != NULL);
    memset(data, 'p', SIZE);
    CHECK_INT(pipe2(fds, O_CLOEXEC), 0);
    CHECK_INT(rota_file_read(fds[0], data, 10), -EAGAIN);
    CHECK_INT(rota_file_write(fds[1], data, 10), 10);
    CHECK_INT(rota_file_read(fds[0], data, 100), 10);
    CHECK_INT(rota_file_pread(fds[0], data, 1, 0), -ESPIPE);
    CHECK_INT(rota_file_pwrite(fds[1], data, 1, 0), -ESPIPE);
    ssize_t n = rota_file_write(fds[1], data, SIZE);
    CHECK(n > 0 && n < SIZE); /* it is full */
    CHECK_INT(rota_file_write(fds[1], data, SIZE), -EAGAIN);
    CHECK_INT(rota_file_read(fds[0], data, SIZE), n);
    CHECK_INT(rota_file_close(fds[1]), 0);
    CHECK_INT(rota_file_read(fds[0], data, SIZE), 0);
    CHECK_INT(rota_file_close(fds[0]), 0);
    CHECK_INT(pipe2(fds, O_CLOEXEC), 0);
    CHECK_INT(rota_file_close(fds[0]), 0);
    CHECK_INT(rota_file_write(fds[1], data, 1), -EPIPE);
    CHECK_INT(rota_file_close(fds[1]), 0);
    free(data);
    return 0;
}

TEST("a pipe that would block says -EAGAIN, and blocks no thread")
{
    run_in_folder(pipes);
}

static int interrupted(void *arg)
{
    (void)arg;
    enum { ROUNDS = 200, SIZE = 100000 };
    static char data[SIZE], back[SIZE];
    memset(data, 'i', SIZE);
    for (int i = 0; i < ROUNDS; i++) {
        int fd = rota_file_open(path_of("a"), O_RDWR | O_CREAT, 0600);
        CHECK_INT(fd < 0 ? fd : 0, 0);
        CHECK_INT(rota_file_write(fd, data, SIZE), SIZE);
        CHECK_INT(rota_file_pread(fd, back, SIZE, 0), SIZE);
        CHECK_INT(rota_file_ftruncate(fd, 0), 0);
        CHECK_INT(rota_file_close(fd), 0);
    }
    return 0;
}

/* PITFALL 26 */
TEST_LIMITED("a storm of signals does not show in calls on files", 60)
{
    test_storm_begin();
    run_in_folder(interrupted);
    test_storm_end();
}

/* Whether it reads such a file without waiting: on Linux 6.1 no
 * tmpfs does. */
static bool reads_at_once(const char *path)
{
    char byte;
    struct iovec v = { &byte, 1 };
    int fd = open(path, O_RDONLY);
    CHECK(fd >= 0);
    ssize_t n = preadv2(fd, &v, 1, 0, RWF_NOWAIT);
    int error = errno;
    CHECK_INT(close(fd), 0);
    return n >= 0 || error != EOPNOTSUPP;
}

static int threads(void)
{
    DIR *d = opendir("/proc/self/task");
    int count = 0;
    CHECK(d != NULL);
    while (readdir(d))
        count++;
    closedir(d);
    return count;
}

static int read_known(void *arg)
{
    (void)arg;
    char data[8];
    CHECK_INT(close(open(path_of("a"), O_CREAT | O_WRONLY, 0600)), 0);
    CHECK(access(path_of("none"), F_OK) < 0); /* known from now on, too */
    if (!reads_at_once(path_of("a")))
        test_skip("this file system waits");
    int before = threads();
    for (int i = 0; i < 100; i++) {
        int fd = rota_file_open(path_of("a"), O_RDONLY, 0);
        CHECK(fd >= 0);
        CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        CHECK_INT(rota_file_pread(fd, data, sizeof data, 0), 0);
        CHECK_INT(rota_file_close(fd), 0);
        CHECK_INT(fcntl(fd, F_GETFD), -1);
        CHECK_INT(rota_file_open(path_of("none"), O_RDONLY, 0), -ENOENT);
    }
    CHECK_INT(threads(), before);
    return 0;
}

TEST("what the kernel has in memory is opened, read and closed without thread")
{
    test_needs_kernel();
    if (!opens_at_once("/", O_PATH))
        test_skip("no RESOLVE_CACHED here");
    run_in_folder(read_known);
}

static int close_numbers(void *arg)
{
    (void)arg;
    struct stat st;
    CHECK_INT(rota_write_file(path_of("a"), "12345", 5, 0600), 0);
    int fd = rota_file_open(path_of("a"), O_RDONLY, 0);
    CHECK(fd >= 0);
    CHECK_INT(close(fd), 0); /* behind our back */
    CHECK_INT(open(path_of("a"), O_WRONLY | O_CLOEXEC), fd);
    CHECK_INT(rota_file_pwrite(fd, "x", 1, 5), 1);
    CHECK_INT(rota_file_close(fd), 0);
    CHECK_INT(rota_file_close(fd), -EBADF);
    CHECK_INT(stat(path_of("a"), &st), 0);
    CHECK_INT(st.st_size, 6);
    /* Far apart, and closed in the other order. */
    int fds[300];
    for (int i = 0; i < 300; i++) {
        fds[i] = rota_file_open(path_of("a"), i % 2 ? O_RDONLY : O_WRONLY, 0);
        CHECK(fds[i] >= 0);
    }
    for (int i = 299; i >= 0; i--)
        CHECK_INT(rota_file_close(fds[i]), 0);
    for (int i = 0; i < 300; i++)
        CHECK_INT(rota_file_close(fds[i]), -EBADF);
    return 0;
}

TEST("a number is closed for what it is now, whoever opened it")
{
    run_in_folder(close_numbers);
}

enum { NOBODY = 65534 };

/* All ways a call goes: at once, on the ring, on a thread. */
static int give_up_privileges(void *arg)
{
    (void)arg;
    static char data[LARGE];
    struct stat st;
    memset(data, 'x', sizeof data);
    CHECK_INT(chmod(folder, 0755), 0);
    CHECK_INT(rota_write_file(path_of("mine"), data, sizeof data, 0600), 0);
    int fd = rota_file_open(path_of("mine"), O_RDWR, 0);
    CHECK(fd >= 0);
    CHECK_INT(setuid(NOBODY), 0);
    CHECK_INT(rota_file_open(path_of("mine"), O_RDONLY, 0), -EACCES);
    CHECK_INT(rota_file_open(path_of("mine"), O_RDWR | O_APPEND, 0), -EACCES);
    CHECK_INT(rota_file_open(path_of("new"), O_RDWR | O_CREAT, 0600), -EACCES);
    CHECK_INT(rota_unlink(path_of("mine")), -EACCES);
    CHECK_INT(rota_rename(path_of("mine"), path_of("theirs")), -EACCES);
    CHECK_INT(rota_mkdir(path_of("below"), 0755), -EACCES);
    CHECK_INT(rota_write_file(path_of("mine"), data, 1, 0600), -EACCES);
    /* What is open stays so. */
    CHECK_INT(rota_file_pwrite(fd, data, sizeof data, 0), sizeof data);
    CHECK_INT(rota_stat(path_of("mine"), &st), 0);
    CHECK_INT(st.st_size, sizeof data);
    CHECK_INT(rota_file_close(fd), 0);
    return 0;
}

static void run_giving_up(void)
{
    CHECK_INT(rota_run(give_up_privileges, NULL, NULL), 0);
}

/* PITFALL 35 */
TEST("privileges that were given up are gone from all calls on files")
{
    char err[4096];
    if (geteuid() != 0)
        test_skip("only root has privileges to give up");
    folder_make();
    int status = test_child(run_giving_up, err, sizeof err);
    if (status != 0)
        test_fail(TEST_AT, "status %d: %s", status, err);
}
