/*
 * The wrapped calls, the count, and what must be left of a round: nothing.
 * Blocks on the heap, mappings, descriptors and threads are counted; what
 * belongs to the loop is in its own ledger.
 */
#include "faults.h"

#include <dirent.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rota.h"
#include "test.h"
#include "wrap.h"

enum {
    ROUND_SECONDS = 10,
    ROUNDS_MOST = 5000, /* a scenario that never gets through is wrong */
    FRAMES_MOST = 16,
    /* Exit codes of a round; sanitizers exit with 1. */
    ROUND_GOOD = 0,
    ROUND_DONE = 3, /* good, and there was no fault any more */
};

static atomic_int counting; /* > 0: the calls count */
static atomic_long left;    /* calls before the one that fails */
static enum fault_kind kind;

static atomic_long blocks; /* on the heap */
static atomic_long maps;

/* The fault of this round. */
static struct {
    const char *name;
    int error;
    void *frames[FRAMES_MOST];
    int frame_count;
} fault;

void faults_off(void)
{
    atomic_fetch_sub(&counting, 1);
}

void faults_on(void)
{
    atomic_fetch_add(&counting, 1);
}

bool strikes(const char *name, int error, enum fault_kind of)
{
    if (atomic_load(&counting) <= 0 || kind != of ||
        atomic_fetch_sub(&left, 1) != 1)
        return false;
    fault.name = name;
    fault.error = error;
    fault.frame_count = backtrace(fault.frames, FRAMES_MOST);
    errno = error;
    return true;
}

/* -------------------------------------------------------------- the heap */

void *counted(void *p)
{
    blocks += p != NULL;
    return p;
}

WRAP(void *, malloc, (size_t size))
{
    FAILS(malloc, ENOMEM, NULL)
    return counted(__real_malloc(size));
}

WRAP(void *, calloc, (size_t n, size_t size))
{
    FAILS(calloc, ENOMEM, NULL)
    return counted(__real_calloc(n, size));
}

WRAP(void *, realloc, (void *p, size_t size))
{
    FAILS(realloc, ENOMEM, NULL)
    void *q = __real_realloc(p, size);
    return p ? q : counted(q);
}

WRAP(void *, reallocarray, (void *p, size_t n, size_t size))
{
    FAILS(reallocarray, ENOMEM, NULL)
    void *q = __real_reallocarray(p, n, size);
    return p ? q : counted(q);
}

WRAP(void *, aligned_alloc, (size_t align, size_t size))
{
    FAILS(aligned_alloc, ENOMEM, NULL)
    return counted(__real_aligned_alloc(align, size));
}

WRAP(void, free, (void *p))
{
    blocks -= p != NULL;
    __real_free(p);
}

/* ------------------------------------------------------------- mappings */

WRAP(void *, mmap64,
     (void *at, size_t size, int prot, int flags, int fd, off_t offset))
{
    FAILS(mmap, ENOMEM, MAP_FAILED)
    void *p = __real_mmap64(at, size, prot, flags, fd, offset);
    maps += p != MAP_FAILED;
    return p;
}

WRAP(int, munmap, (void *p, size_t size))
{
    maps--;
    return __real_munmap(p, size);
}

WRAP(int, madvise, (void *p, size_t size, int advice))
{
    FAILS(madvise, EINVAL, -1)
    return __real_madvise(p, size, advice);
}

WRAP(int, mprotect, (void *p, size_t size, int prot))
{
    FAILS(mprotect, ENOMEM, -1)
    return __real_mprotect(p, size, prot);
}

WRAP(int, sigaltstack, (const stack_t *new, stack_t *old))
{
    if (new)
        FAILS(sigaltstack, ENOMEM, -1)
    return __real_sigaltstack(new, old);
}

/* ---------------------------------------------------- making descriptors */

WRAP(int, eventfd, (unsigned n, int flags))
{
    FAILS(eventfd, EMFILE, -1)
    return __real_eventfd(n, flags);
}

WRAP(int, epoll_create1, (int flags))
{
    FAILS(epoll_create1, EMFILE, -1)
    return __real_epoll_create1(flags);
}

WRAP(int, signalfd, (int fd, const sigset_t *set, int flags))
{
    if (fd < 0)
        FAILS(signalfd, EMFILE, -1)
    return __real_signalfd(fd, set, flags);
}

WRAP(int, socket, (int domain, int type, int protocol))
{
    FAILS(socket, EMFILE, -1)
    return __real_socket(domain, type, protocol);
}

WRAP(int, accept4, (int fd, struct sockaddr *a, socklen_t *size, int flags))
{
    FAILS(accept4, EMFILE, -1)
    INTERRUPTS(accept4, -1)
    return __real_accept4(fd, a, size, flags);
}

WRAP(int, open64, (const char *path, int flags, ...))
{
    va_list args;
    va_start(args, flags);
    mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
    va_end(args);
    FAILS(open, EMFILE, -1)
    INTERRUPTS(open, -1)
    return __real_open64(path, flags, mode);
}

/* --------------------------------------------------- using descriptors */

WRAP(int, epoll_ctl, (int e, int action, int fd, struct epoll_event *ev))
{
    FAILS(epoll_ctl, ENOMEM, -1)
    return __real_epoll_ctl(e, action, fd, ev);
}

WRAP(int, epoll_wait, (int e, struct epoll_event *ev, int most, int ms))
{
    INTERRUPTS(epoll_wait, -1)
    return __real_epoll_wait(e, ev, most, ms);
}

WRAP(long, syscall,
     (long number, long a, long b, long c, long d, long e, long f))
{
    if (number == SYS_epoll_pwait2) {
        FAILS(epoll_pwait2, ENOSYS, -1)
        INTERRUPTS(epoll_pwait2, -1)
    }
    if (number == SYS_openat2) {
        FAILS(openat2, EAGAIN, -1)
        INTERRUPTS(openat2, -1)
    }
    if (number == SYS_process_madvise)
        FAILS(process_madvise, ENOMEM, -1)
    if (number == SYS_pidfd_send_signal)
        FAILS(pidfd_send_signal, EPERM, -1)
    return __real_syscall(number, a, b, c, d, e, f);
}

WRAP(int, poll, (struct pollfd * fds, nfds_t n, int ms))
{
    INTERRUPTS(poll, -1)
    return __real_poll(fds, n, ms);
}

WRAP(int, bind, (int fd, const struct sockaddr *a, socklen_t size))
{
    FAILS(bind, EADDRINUSE, -1)
    return __real_bind(fd, a, size);
}

WRAP(int, connect, (int fd, const struct sockaddr *a, socklen_t size))
{
    FAILS(connect, ECONNREFUSED, -1)
    INTERRUPTS(connect,
               __real_connect(fd, a, size) == 0 ? 0 : (errno = EINTR, -1))
    return __real_connect(fd, a, size);
}

WRAP(int, setsockopt,
     (int fd, int level, int name, const void *value, socklen_t size))
{
    FAILS(setsockopt, ENOMEM, -1)
    return __real_setsockopt(fd, level, name, value, size);
}

WRAP(int, getsockopt,
     (int fd, int level, int name, void *value, socklen_t *size))
{
    FAILS(getsockopt, ENOMEM, -1)
    return __real_getsockopt(fd, level, name, value, size);
}

WRAP(ssize_t, recv, (int fd, void *data, size_t size, int flags))
{
    FAILS(recv, ECONNRESET, -1)
    INTERRUPTS(recv, -1)
    return __real_recv(fd, data, size, flags);
}

WRAP(ssize_t, recvmsg, (int fd, struct msghdr *m, int flags))
{
    FAILS(recvmsg, ENOBUFS, -1)
    INTERRUPTS(recvmsg, -1)
    return __real_recvmsg(fd, m, flags);
}

WRAP(ssize_t, sendmsg, (int fd, const struct msghdr *m, int flags))
{
    FAILS(sendmsg, ENOBUFS, -1)
    INTERRUPTS(sendmsg, -1)
    return __real_sendmsg(fd, m, flags);
}

WRAP(ssize_t, sendto,
     (int fd, const void *data, size_t size, int flags,
      const struct sockaddr *to, socklen_t len))
{
    FAILS(sendto, ENOBUFS, -1)
    INTERRUPTS(sendto, -1)
    return __real_sendto(fd, data, size, flags, to, len);
}

WRAP(int, recvmmsg,
     (int fd, struct mmsghdr *m, unsigned n, int flags, struct timespec *t))
{
    FAILS(recvmmsg, ENOBUFS, -1)
    INTERRUPTS(recvmmsg, -1)
    return __real_recvmmsg(fd, m, n, flags, t);
}

WRAP(int, sendmmsg, (int fd, struct mmsghdr *m, unsigned n, int flags))
{
    FAILS(sendmmsg, EIO, -1) /* as a device that does not cut segments */
    INTERRUPTS(sendmmsg, -1)
    return __real_sendmmsg(fd, m, n, flags);
}

WRAP(ssize_t, send, (int fd, const void *data, size_t size, int flags))
{
    FAILS(send, ECONNRESET, -1)
    INTERRUPTS(send, -1)
    return __real_send(fd, data, size, flags);
}

WRAP(ssize_t, read, (int fd, void *data, size_t size))
{
    FAILS(read, EIO, -1)
    INTERRUPTS(read, -1)
    return __real_read(fd, data, size);
}

WRAP(ssize_t, readv, (int fd, const struct iovec *v, int n))
{
    FAILS(readv, EIO, -1)
    INTERRUPTS(readv, -1)
    return __real_readv(fd, v, n);
}

WRAP(ssize_t, writev, (int fd, const struct iovec *v, int n))
{
    FAILS(writev, EIO, -1)
    INTERRUPTS(writev, -1)
    return __real_writev(fd, v, n);
}

WRAP(ssize_t, sendfile64, (int out, int in, off_t *at, size_t size))
{
    FAILS(sendfile, ECONNRESET, -1)
    INTERRUPTS(sendfile, -1)
    return __real_sendfile64(out, in, at, size);
}

WRAP(ssize_t, splice,
     (int in, off_t *at, int out, off_t *to, size_t size, unsigned flags))
{
    FAILS(splice, EIO, -1)
    INTERRUPTS(splice, -1)
    return __real_splice(in, at, out, to, size, flags);
}

WRAP(int, shutdown, (int fd, int how))
{
    FAILS(shutdown, ENOBUFS, -1)
    return __real_shutdown(fd, how);
}

WRAP(ssize_t, pread64, (int fd, void *data, size_t size, off_t at))
{
    FAILS(pread, EIO, -1)
    INTERRUPTS(pread, -1)
    return __real_pread64(fd, data, size, at);
}

WRAP(ssize_t, pwrite64, (int fd, const void *data, size_t size, off_t at))
{
    FAILS(pwrite, ENOSPC, -1)
    INTERRUPTS(pwrite, -1)
    return __real_pwrite64(fd, data, size, at);
}

WRAP(int, fsync, (int fd))
{
    FAILS(fsync, EIO, -1)
    return __real_fsync(fd);
}

/* Not that to the loop's eventfd, which the kernel cannot refuse. */
WRAP(ssize_t, write, (int fd, const void *data, size_t size))
{
    if (size != sizeof(uint64_t))
        FAILS(write, EIO, -1)
    INTERRUPTS(write, -1)
    return __real_write(fd, data, size);
}

WRAP(int, fstat64, (int fd, struct stat64 *st))
{
    FAILS(fstat, EIO, -1)
    return __real_fstat64(fd, st);
}

WRAP(int, getaddrinfo,
     (const char *name, const char *service, const struct addrinfo *hints,
      struct addrinfo **out))
{
    FAILS(getaddrinfo, ENOMEM, EAI_MEMORY)
    if (strstr(name, ".test")) /* that no name server is asked */
        name = "127.0.0.1";
    return __real_getaddrinfo(name, service, hints, out);
}

WRAP(int, getnameinfo,
     (const struct sockaddr *a, socklen_t len, char *host, socklen_t host_size,
      char *service, socklen_t service_size, int flags))
{
    FAILS(getnameinfo, ENOMEM, EAI_MEMORY)
    flags = flags & NI_NAMEREQD ? NI_NUMERICHOST : flags; /* the same */
    return __real_getnameinfo(a, len, host, host_size, service, service_size,
                              flags);
}

/* -------------------------------------------------------- threads, waits */

WRAP(int, pthread_create,
     (pthread_t * thread, const pthread_attr_t *attr, void *(*fn)(void *),
      void *arg))
{
    FAILS(pthread_create, EAGAIN, EAGAIN)
    return __real_pthread_create(thread, attr, fn, arg);
}

WRAP(int, sem_wait, (sem_t * sem))
{
    INTERRUPTS(sem_wait, -1)
    return __real_sem_wait(sem);
}

WRAP(ssize_t, getrandom, (void *data, size_t size, unsigned flags))
{
    FAILS(getrandom, EAGAIN, -1)
    INTERRUPTS(getrandom, -1)
    return __real_getrandom(data, size, flags);
}

/* -------------------------------------------------------------- a round */

struct held {
    long blocks, maps, fds, threads;
};

static long entries(const char *path)
{
    DIR *d = opendir(path);
    long n = 0;
    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n;
}

static bool is_kernels(const char *thread)
{
    char path[300], name[32] = "";
    snprintf(path, sizeof path, "/proc/self/task/%s/comm", thread);
    FILE *f = fopen(path, "re");
    if (f && !fgets(name, sizeof name, f))
        name[0] = '\0';
    if (f)
        fclose(f);
    return strncmp(name, "iou-", 4) == 0;
}

/* Threads of the kernel's that worked for a ring stay for a while after it. */
static long threads(void)
{
    DIR *d = opendir("/proc/self/task");
    const struct dirent *e;
    long n = 0;
    while (d && (e = readdir(d)))
        n += e->d_name[0] != '.' && !is_kernels(e->d_name);
    if (d)
        closedir(d);
    return n;
}

static struct held held_now(void)
{
    return (struct held){ blocks, maps, entries("/proc/self/fd"), threads() };
}

static int told = STDERR_FILENO; /* where failures are */

static void blame(const char *what, long a, long b)
{
    dprintf(told, "# round with %s failing (errno %d): %s %ld, %ld\n",
            fault.name ? fault.name : "nothing", fault.error, what, a, b);
    backtrace_symbols_fd(fault.frames, fault.frame_count, told);
    _exit(99);
}

static void late(int number)
{
    (void)number;
    blame("took too long", ROUND_SECONDS, 0);
}

static bool excused(const struct fault_scenario *s, int rc)
{
    if (rc == s->good)
        return true;
    if (!fault.name || kind == FAULT_INTERRUPT)
        return false;
    for (int i = 0; i < 4 && s->also[i]; i++)
        if (rc == s->also[i])
            return true;
    return rc == -fault.error;
}

static void check_ledger(void)
{
    rota_ledger l;
    rota_ledger_get(&l);
    if (l.tasks || l.handles)
        blame("leaked tasks, handles", (long)l.tasks, (long)l.handles);
    if (l.stacks || l.timers)
        blame("leaked stacks, timers", (long)l.stacks, (long)l.timers);
    if (l.ops)
        blame("leaked operations", (long)l.ops, 0);
}

static void check_held(const struct held *before)
{
    struct held now = held_now();
    /* A joined thread may be in /proc for a moment longer. */
    for (int i = 0; now.threads != before->threads && i < 1000; i++) {
        usleep(1000);
        now.threads = threads();
    }
    if (now.blocks != before->blocks)
        blame("leaked blocks: before, now", before->blocks, now.blocks);
    if (now.maps != before->maps)
        blame("leaked mappings: before, now", before->maps, now.maps);
    if (now.fds != before->fds)
        blame("leaked descriptors: before, now", before->fds, now.fds);
    if (now.threads != before->threads)
        blame("leaked threads: before, now", before->threads, now.threads);
}

/* The library says a lot about what fails; here it is meant to. */
static void be_quiet(void)
{
    told = dup(STDERR_FILENO);
    int null = open("/dev/null", O_WRONLY);
    dup2(null, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
    close(null);
}

static void round_main(const struct fault_scenario *s, long nth)
{
    signal(SIGALRM, late);
    alarm(test_sanitized() ? 5 * ROUND_SECONDS : ROUND_SECONDS);
    if (!getenv("FAULT_LOG"))
        be_quiet();
    struct held before = held_now();
    left = nth;
    faults_on();
    int rc = s->fn();
    faults_off();
    if (!excused(s, rc))
        blame("came to", rc, s->good);
    check_ledger();
    check_held(&before);
    _exit(fault.name ? ROUND_GOOD : ROUND_DONE);
}

void faults_sweep(const struct fault_scenario *s, enum fault_kind of)
{
    void *warm[1];
    backtrace(warm, 1); /* loads what it needs now */
    kind = of;
    const char *only = getenv("FAULT_ONLY");
    for (long nth = only ? atol(only) : 1; nth <= ROUNDS_MOST; nth++) {
        fflush(NULL);
        pid_t pid = fork();
        if (pid == 0)
            round_main(s, nth);
        int status = 0;
        if (waitpid(pid, &status, 0) != pid)
            test_fail(TEST_AT, "waitpid");
        if (WIFSIGNALED(status))
            test_fail(TEST_AT, "kind %d, fault %ld: died of signal %d", of, nth,
                      WTERMSIG(status));
        if (WEXITSTATUS(status) == ROUND_DONE)
            return;
        if (WEXITSTATUS(status) != ROUND_GOOD)
            test_fail(TEST_AT, "kind %d, fault %ld: see above", of, nth);
    }
    test_fail(TEST_AT, "still failing after %d rounds", ROUNDS_MOST);
}
