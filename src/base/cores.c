/*
 * A quota may be set on the process's group or on any group around it, and the
 * smallest counts. Version 2 has both numbers in cpu.max, version 1 has a file
 * for each, under the mount of the controller. In a container the group's path
 * is often that of the host, which does not exist inside: then the mount's top
 * is the process's own group.
 */
#include "base/cores.h"

#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* The cores `quota` in each `period` is worth. */
static unsigned worth(long long quota, long long period)
{
    if (quota <= 0 || period <= 0)
        return 0;
    long long n = (quota + period - 1) / period;
    return n < INT_MAX ? (unsigned)n : 0;
}

/* Reads numbers from a file of a group; how many there were. */
static int read_numbers(const char *folder, const char *file,
                        const char *format, long long *a, long long *b)
{
    char path[PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/%s", folder, file);
    FILE *f = fopen(path, "re");
    if (!f)
        return 0;
    int n = fscanf(f, format, a, b);
    fclose(f);
    return n;
}

static unsigned quota_of(const char *folder)
{
    long long quota, period, unused;
    if (read_numbers(folder, "cpu.max", "%lld %lld", &quota, &period) == 2)
        return worth(quota, period);
    if (read_numbers(folder, "cpu.cfs_quota_us", "%lld", &quota, &unused) !=
            1 ||
        read_numbers(folder, "cpu.cfs_period_us", "%lld", &period, &unused) !=
            1)
        return 0;
    return worth(quota, period);
}

/* The smallest quota from `path` below `top` upwards. */
static unsigned least_quota(const char *top, const char *path)
{
    char folder[PATH_MAX];
    unsigned least = 0;
    size_t end = strlen(top);
    snprintf(folder, sizeof folder, "%s%s", top, path);
    for (;;) {
        unsigned n = quota_of(folder);
        if (n > 0 && (least == 0 || n < least))
            least = n;
        char *slash = strrchr(folder, '/');
        if (strlen(folder) <= end || !slash)
            return least;
        *slash = '\0';
    }
}

/* True when `word` stands in a list divided by commas. */
static bool lists(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = list; (at = strstr(at, word)) != NULL; at += n)
        if ((at == list || at[-1] == ',') && (at[n] == ',' || at[n] == '\0'))
            return true;
    return false;
}

/* What a line `number:controllers:path` of /proc/self/cgroup leads to. */
static unsigned quota_of_line(const char *root, char *line)
{
    char *controllers = strchr(line, ':');
    char *path = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!path)
        return 0;
    *controllers++ = '\0';
    *path++ = '\0';
    path[strcspn(path, "\n")] = '\0';
    char top[PATH_MAX];
    if (*controllers && !lists(controllers, "cpu"))
        return 0;
    snprintf(top, sizeof top, "%s%s", root, *controllers ? "/cpu" : "");
    return least_quota(top, path);
}

unsigned cores_quota(const char *root, const char *self)
{
    FILE *f = fopen(self, "re");
    if (!f)
        return 0;
    char line[PATH_MAX];
    unsigned least = 0;
    while (fgets(line, sizeof line, f)) {
        unsigned n = quota_of_line(root, line);
        if (n > 0 && (least == 0 || n < least))
            least = n;
    }
    fclose(f);
    return least;
}

unsigned cores_usable(void)
{
    cpu_set_t set;
    unsigned n = 1;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        n = (unsigned)CPU_COUNT(&set);
    unsigned quota = cores_quota("/sys/fs/cgroup", "/proc/self/cgroup");
    return quota > 0 && quota < n ? quota : n;
}
