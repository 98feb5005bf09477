/*
 * Runs a fuzz target over stored inputs, without the fuzzer: each file named
 * on the command line, and each file in the directories named there. So the
 * corpus is a test in every build, with any compiler.
 */
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz.h"

static int replay_file(const char *path, size_t size)
{
    FILE *file = fopen(path, "rb");
    /* At least one byte, since malloc(0) may give NULL. */
    uint8_t *bytes = malloc(size ? size : 1);
    if (!file || !bytes || fread(bytes, 1, size, file) != size) {
        fprintf(stderr, "%s: can't be read: %s\n", path, strerror(errno));
        exit(2);
    }
    fclose(file);
    LLVMFuzzerTestOneInput(bytes, size);
    free(bytes);
    return 1;
}

static int replay(const char *path);

static int replay_directory(const char *path)
{
    int count = 0;
    DIR *dir = opendir(path);
    if (!dir) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        exit(2);
    }
    for (struct dirent *entry; (entry = readdir(dir));) {
        char *inside;
        if (entry->d_name[0] == '.')
            continue;
        if (asprintf(&inside, "%s/%s", path, entry->d_name) < 0)
            exit(2);
        count += replay(inside);
        free(inside);
    }
    closedir(dir);
    return count;
}

/* Returns how many inputs were run. */
static int replay(const char *path)
{
    struct stat st;
    if (stat(path, &st) < 0) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        exit(2);
    }
    return S_ISDIR(st.st_mode) ? replay_directory(path)
                               : replay_file(path, (size_t)st.st_size);
}

int main(int argc, char **argv)
{
    int count = 0;
    for (int i = 1; i < argc; i++)
        count += replay(argv[i]);
    printf("%d inputs replayed\n", count);
    return count == 0;
}
