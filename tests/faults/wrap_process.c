/*
 * The wrapped calls that processes, threads and names are made by. Those
 * between clone(2) and execve(2) are the child's: it runs in our memory, so
 * they are counted like all others.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "wrap.h"

WRAP(int, pipe2, (int *ends, int flags))
{
    FAILS(pipe2, EMFILE, -1)
    return __real_pipe2(ends, flags);
}

WRAP(int, clone,
     (int (*fn)(void *), void *stack, int flags, void *arg, int *pidfd))
{
    FAILS(clone, EAGAIN, -1)
    return __real_clone(fn, stack, flags, arg, pidfd);
}

/* The flags of a descriptor that is open can always be told. */
WRAP(int, fcntl64, (int fd, int command, ...))
{
    va_list args;
    va_start(args, command);
    void *arg = va_arg(args, void *);
    va_end(args);
    if (command != F_GETFL)
        FAILS(fcntl, EMFILE, -1)
    return __real_fcntl64(fd, command, arg);
}

WRAP(int, dup2, (int from, int to))
{
    FAILS(dup2, EMFILE, -1)
    return __real_dup2(from, to);
}

WRAP(int, chdir, (const char *path))
{
    FAILS(chdir, EACCES, -1)
    return __real_chdir(path);
}

WRAP(int, setpgid, (pid_t pid, pid_t group))
{
    FAILS(setpgid, EPERM, -1)
    return __real_setpgid(pid, group);
}

WRAP(int, execvpe, (const char *program, char *const *argv, char *const *env))
{
    FAILS(execvpe, ENOMEM, -1)
    return __real_execvpe(program, argv, env);
}

WRAP(int, waitid, (idtype_t type, id_t id, siginfo_t *info, int options))
{
    INTERRUPTS(waitid, -1)
    return __real_waitid(type, id, info, options);
}

WRAP(int, kill, (pid_t pid, int signal))
{
    FAILS(kill, EPERM, -1)
    return __real_kill(pid, signal);
}

/* A number is free after close(2), whatever that says. */
WRAP(int, close, (int fd))
{
    int rc = __real_close(fd);
    FAILS(close, EIO, -1)
    INTERRUPTS(close, -1)
    return rc;
}

WRAP(int, listen, (int fd, int backlog))
{
    FAILS(listen, EADDRINUSE, -1)
    return __real_listen(fd, backlog);
}

WRAP(int, getsockname, (int fd, struct sockaddr *a, socklen_t *size))
{
    FAILS(getsockname, ENOBUFS, -1)
    return __real_getsockname(fd, a, size);
}

WRAP(int, getpeername, (int fd, struct sockaddr *a, socklen_t *size))
{
    FAILS(getpeername, ENOBUFS, -1)
    return __real_getpeername(fd, a, size);
}

WRAP(unsigned, if_nametoindex, (const char *name))
{
    FAILS(if_nametoindex, ENODEV, 0)
    return __real_if_nametoindex(name);
}

WRAP(off_t, lseek64, (int fd, off_t offset, int whence))
{
    FAILS(lseek, EOVERFLOW, -1)
    return __real_lseek64(fd, offset, whence);
}

WRAP(int, stat64, (const char *path, struct stat64 *st))
{
    FAILS(stat, ENOMEM, -1)
    return __real_stat64(path, st);
}

WRAP(int, lstat64, (const char *path, struct stat64 *st))
{
    FAILS(lstat, ENOMEM, -1)
    return __real_lstat64(path, st);
}

WRAP(int, fstatat64, (int dir, const char *path, struct stat64 *st, int flags))
{
    FAILS(fstatat, ENOMEM, -1)
    return __real_fstatat64(dir, path, st, flags);
}

WRAP(int, openat64, (int dir, const char *path, int flags, ...))
{
    FAILS(openat, EMFILE, -1)
    INTERRUPTS(openat, -1)
    return __real_openat64(dir, path, flags);
}

WRAP(int, unlink, (const char *path))
{
    FAILS(unlink, EIO, -1)
    return __real_unlink(path);
}

WRAP(DIR *, opendir, (const char *path))
{
    FAILS(opendir, EMFILE, NULL)
    return __real_opendir(path);
}

/* Of processes only those that are younger than this one are shown: else there
 * were as many calls as the machine has to do. */
WRAP(struct dirent64 *, readdir64, (DIR * d))
{
    FAILS(readdir, ENOMEM, NULL)
    struct dirent64 *e;
    do
        e = __real_readdir64(d);
    while (e && atol(e->d_name) > 0 && atol(e->d_name) < getpid());
    return e;
}

WRAP(FILE *, fopen64, (const char *path, const char *mode))
{
    FAILS(fopen, EMFILE, NULL)
    return __real_fopen64(path, mode);
}

WRAP(int, inotify_rm_watch, (int fd, int id))
{
    FAILS(inotify_rm_watch, EINVAL, -1)
    return __real_inotify_rm_watch(fd, id);
}

WRAP(int, sigtimedwait,
     (const sigset_t *set, siginfo_t *info, const struct timespec *limit))
{
    INTERRUPTS(sigtimedwait, -1)
    return __real_sigtimedwait(set, info, limit);
}

WRAP(int, prctl,
     (int what, unsigned long a, unsigned long b, unsigned long c,
      unsigned long d))
{
    FAILS(prctl, EINVAL, -1)
    return __real_prctl(what, a, b, c, d);
}

WRAP(int, mincore, (void *at, size_t size, unsigned char *pages))
{
    FAILS(mincore, EAGAIN, -1)
    return __real_mincore(at, size, pages);
}

WRAP(int, sched_getaffinity, (pid_t pid, size_t size, cpu_set_t *set))
{
    FAILS(sched_getaffinity, EINVAL, -1)
    return __real_sched_getaffinity(pid, size, set);
}

WRAP(int, pthread_attr_setstacksize, (pthread_attr_t * attr, size_t size))
{
    FAILS(pthread_attr_setstacksize, EINVAL, EINVAL)
    return __real_pthread_attr_setstacksize(attr, size);
}
