/*
 * Stopping a process: SIGTERM, and SIGKILL to what is left when the grace is
 * over. Of a group the kernel tells only when its leader ends, and a group
 * whose members are all zombies is still one that kill(2) finds; so who else
 * lives is looked up in /proc, again and again until nobody does. Its number
 * is no other's meanwhile: the leader is not reaped before the handle goes.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/process.h"
#include "rota/scope.h"
#include "rota/task.h"
#include "rota/thread.h"

enum { STAT_SIZE = 256 }; /* number, name, state, parent and group */

static const rota_dur first_pause = 2 * 1000000LL, longest_pause = 100000000LL;

/* The group of a process of /proc; *state as in proc(5). 0: it has gone. */
static pid_t group_of(int proc, const char *pid, char *state)
{
    char path[32 + sizeof((struct dirent *)0)->d_name], text[STAT_SIZE];
    snprintf(path, sizeof path, "%s/stat", pid);
    int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    text[n > 0 ? n : 0] = '\0';
    const char *name_end = strrchr(text, ')'); /* the name may hold another */
    pid_t group;
    if (!name_end || sscanf(name_end + 1, " %c %*d %d", state, &group) != 2)
        return 0;
    return group;
}

/*
 * Whether anybody lives in the group of a process that has not been reaped:
 * 1 or 0; -ENOENT: it is not in /proc, which is then not ours; -EMFILE,
 * -ENOMEM. For a pool thread (rota_fn).
 */
static int group_lives(void *process)
{
    const rota_process *p = process;
    DIR *proc = opendir("/proc");
    if (!proc)
        return -errno;
    bool seen = false, lives = false;
    const struct dirent *e;
    while (!lives && (errno = 0, e = readdir(proc))) {
        char state;
        if (e->d_name[0] < '1' || e->d_name[0] > '9' ||
            group_of(dirfd(proc), e->d_name, &state) != p->pid)
            continue;
        seen = true;
        lives = state != 'Z' && state != 'X';
    }
    int error = e ? 0 : errno;
    closedir(proc);
    return error ? -error : seen ? lives : -ENOENT;
}

static bool has_group(const rota_process *p)
{
    return (p->flags & ROTA_PROCESS_GROUP) && !process_is_over(p);
}

/* Until the process has ended, and all of its group: rota_process_wait's
 * result. When that cannot be seen, `patient` goes on waiting. */
static int await_all(rota_process *p, bool patient)
{
    int rc = rota_process_wait(p, NULL);
    rota_dur pause = first_pause;
    while (rc != -ECANCELED && has_group(p)) {
        int lives = rota_to_thread(group_lives, p);
        if (lives == 0 || (lives < 0 && !patient))
            break;
        int slept = rota_sleep(pause);
        if (slept == -ECANCELED)
            return slept;
        if (slept < 0)
            rota_ignore(rota_checkpoint());
        pause = pause * 2 < longest_pause ? pause * 2 : longest_pause;
    }
    return rc;
}

int rota_process_stop(rota_process *p)
{
    int rc = -ECANCELED; /* also without memory for the grace's timer */
    rota_process_signal(p, SIGTERM);
    ROTA_SHIELD (p->grace) {
        rc = await_all(p, true);
    }
    if (rc != -ECANCELED && !has_group(p))
        return rc;
    /* To a group in any case: looking through /proc takes its time, in which
     * a member may have begun another. */
    int sent = rota_process_signal(p, SIGKILL);
    if (sent == -EPERM)
        return sent;
    ROTA_SHIELD (ROTA_FOREVER) {
        rc = await_all(p, false);
    }
    return rc;
}
