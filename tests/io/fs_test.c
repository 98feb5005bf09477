/* Names, directories, temporary files, copies, atomic replacing. */
#include "folder.h"

#include <dirent.h>
#include <sys/stat.h>

static void put(const char *path, const char *text)
{
    CHECK_INT(rota_write_file(path, text, strlen(text), 0600), 0);
}

static void check_holds(const char *path, const char *text)
{
    rota_arena a;
    rota_str out;
    rota_arena_init(&a, NULL, 0);
    CHECK_INT(rota_read_file(path, &a, 1 << 20, &out), 0);
    CHECK_STR(out.ptr, text);
    rota_arena_fini(&a);
}

static void check_same(const struct stat *a, const struct stat *b)
{
    CHECK_INT(a->st_dev, b->st_dev);
    CHECK_INT(a->st_ino, b->st_ino);
    CHECK_INT(a->st_mode, b->st_mode);
    CHECK_INT(a->st_nlink, b->st_nlink);
    CHECK_INT(a->st_uid, b->st_uid);
    CHECK_INT(a->st_gid, b->st_gid);
    CHECK_INT(a->st_rdev, b->st_rdev);
    CHECK_INT(a->st_size, b->st_size);
    CHECK_INT(a->st_blksize, b->st_blksize);
    CHECK_INT(a->st_blocks, b->st_blocks);
    CHECK_INT(a->st_mtim.tv_sec, b->st_mtim.tv_sec);
    CHECK_INT(a->st_mtim.tv_nsec, b->st_mtim.tv_nsec);
    CHECK_INT(a->st_ctim.tv_nsec, b->st_ctim.tv_nsec);
}

static int stats(void *arg)
{
    (void)arg;
    struct stat ours, theirs;
    const char *file = path_of("a"), *link = path_of("link");
    put(file, "12345");
    CHECK_INT(rota_symlink("a", link), 0);
    CHECK_INT(rota_symlink("a", link), -EEXIST);
    CHECK_INT(rota_stat(link, &ours), 0);
    CHECK_INT(stat(file, &theirs), 0);
    check_same(&ours, &theirs);
    CHECK_INT(ours.st_size, 5);
    CHECK_INT(rota_lstat(link, &ours), 0);
    CHECK(S_ISLNK(ours.st_mode));
    CHECK_INT(lstat(link, &theirs), 0);
    check_same(&ours, &theirs);
    CHECK_INT(rota_stat("/dev/null", &ours), 0);
    CHECK_INT(stat("/dev/null", &theirs), 0);
    check_same(&ours, &theirs);
    ours.st_size = 77;
    CHECK_INT(rota_stat(path_of("none"), &ours), -ENOENT);
    CHECK_INT(rota_stat("", &ours), -ENOENT);
    CHECK_INT(rota_stat(path_of("a/b"), &ours), -ENOTDIR);
    CHECK_INT(ours.st_size, 77); /* untouched */
    rota_arena a;
    rota_str to;
    rota_arena_init(&a, NULL, 0);
    CHECK_INT(rota_readlink(link, &a, &to), 0);
    CHECK_STR(to.ptr, "a");
    CHECK_INT(rota_readlink(file, &a, &to), -EINVAL);
    rota_arena_fini(&a);
    CHECK_INT(rota_chmod(file, 0640), 0);
    CHECK_INT(stat(file, &theirs), 0);
    CHECK_INT(theirs.st_mode & 07777, 0640);
    CHECK_INT(rota_chmod(path_of("none"), 0640), -ENOENT);
    return 0;
}

TEST("what a name stands for is told as stat(2) tells it")
{
    run_in_folder(stats);
}

static int names(void *arg)
{
    (void)arg;
    struct stat st;
    put(path_of("a"), "a");
    put(path_of("b"), "b");
    CHECK_INT(rota_rename(path_of("a"), path_of("b")), 0);
    check_holds(path_of("b"), "a");
    CHECK_INT(rota_rename(path_of("a"), path_of("b")), -ENOENT);
    CHECK_INT(rota_mkdir(path_of("sub"), 0750), 0);
    CHECK_INT(stat(path_of("sub"), &st), 0);
    CHECK_INT(st.st_mode & 0777, 0750);
    CHECK_INT(rota_mkdir(path_of("sub"), 0750), -EEXIST);
    CHECK_INT(rota_mkdir(path_of("no/sub"), 0750), -ENOENT);
    CHECK_INT(rota_rename(path_of("b"), path_of("sub")), -EISDIR);
    CHECK_INT(rota_unlink(path_of("sub")), -EISDIR);
    CHECK_INT(rota_rmdir(path_of("b")), -ENOTDIR);
    put(path_of("sub/c"), "c");
    CHECK_INT(rota_rmdir(path_of("sub")), -ENOTEMPTY);
    CHECK_INT(rota_unlink(path_of("sub/c")), 0);
    CHECK_INT(rota_unlink(path_of("sub/c")), -ENOENT);
    CHECK_INT(rota_rmdir(path_of("sub")), 0);
    CHECK_INT(rota_rmdir(path_of("sub")), -ENOENT);
    return 0;
}

TEST("names are renamed, made and removed; what cannot be says why")
{
    umask(0);
    run_in_folder(names);
}

static bool is_directory(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int deep(void *arg)
{
    (void)arg;
    static char longer[5000];
    CHECK_INT(rota_makedirs(path_of("x//y/z/"), 0700), 0);
    CHECK(is_directory(path_of("x/y/z")));
    CHECK_INT(rota_makedirs(path_of("x/y/z"), 0700), 0);
    CHECK_INT(rota_makedirs(path_of("x/y/w///"), 0700), 0);
    CHECK(is_directory(path_of("x/y/w")));
    CHECK_INT(rota_makedirs("/", 0700), 0);
    CHECK_INT(chdir(folder), 0);
    CHECK_INT(rota_makedirs("rel/a/b", 0700), 0);
    CHECK(is_directory(path_of("rel/a/b")));
    CHECK_INT(rota_makedirs("single", 0700), 0);
    CHECK(is_directory(path_of("single")));
    put(path_of("file"), "");
    CHECK_INT(rota_makedirs(path_of("file"), 0700), -EEXIST);
    CHECK_INT(rota_makedirs(path_of("file/a/b"), 0700), -ENOTDIR);
    CHECK_INT(rota_makedirs("", 0700), -ENOENT);
    memset(longer, 'a', sizeof longer - 1);
    CHECK_INT(rota_makedirs(longer, 0700), -ENAMETOOLONG);
    return 0;
}

TEST("rota_makedirs makes all that is missing, and is content with what is")
{
    run_in_folder(deep);
}

static int list_all(void *arg)
{
    (void)arg;
    enum { SIZE = 20000, SANITIZED = 2000 };
    int size = test_sanitized() ? SANITIZED : SIZE, count = 0;
    char *seen = calloc((size_t)size, 1);
    CHECK(seen != NULL);
    CHECK_INT(mkdir(path_of("many"), 0700), 0);
    for (int i = 0; i < size; i++) {
        char name[64];
        snprintf(name, sizeof name, "many/file-with-a-number-%d", i);
        int fd = open(path_of(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        CHECK(fd >= 0);
        close(fd);
    }
    rota_dir *d;
    rota_dir_entry e;
    int rc;
    CHECK_INT(rota_dir_open(path_of("many"), &d), 0);
    while ((rc = rota_dir_next(d, &e)) > 0) {
        int i = -1;
        CHECK_INT(sscanf(e.name.ptr, "file-with-a-number-%d", &i), 1);
        CHECK(i >= 0 && i < size && !seen[i]);
        CHECK_INT(e.name.len, strlen(e.name.ptr));
        CHECK_INT(e.type, DT_REG);
        seen[i] = 1;
        count++;
    }
    CHECK_INT(rc, 0);
    CHECK_INT(rota_dir_next(d, &e), 0);
    rota_dir_close(d);
    CHECK_INT(count, size);
    free(seen);
    return 0;
}

TEST_LIMITED("a directory of many entries is listed, each of them once", 120)
{
    run_in_folder(list_all);
}

static int list_odd(void *arg)
{
    (void)arg;
    rota_dir *d;
    rota_dir_entry e;
    CHECK_INT(rota_dir_open(path_of("none"), &d), -ENOENT);
    put(path_of("file"), "");
    CHECK_INT(rota_dir_open(path_of("file"), &d), -ENOTDIR);
    CHECK_INT(rota_mkdir(path_of("sub"), 0700), 0);
    CHECK_INT(rota_dir_open(path_of("sub"), &d), 0);
    CHECK_INT(rota_dir_next(d, &e), 0);
    rota_dir_close(d);
    CHECK_INT(mkfifo(path_of("sub/p"), 0600), 0);
    CHECK_INT(rota_dir_open(path_of("sub"), &d), 0);
    CHECK_INT(rota_dir_next(d, &e), 1);
    CHECK_INT(e.type, DT_FIFO);
    CHECK_STR(e.name.ptr, "p");
    rota_dir_close(d);
    CHECK_INT(rota_dir_open(path_of("sub"), &d), 0);
    CHECK_INT(rota_unlink(path_of("sub/p")), 0);
    CHECK_INT(rota_rmdir(path_of("sub")), 0);
    CHECK_INT(rota_dir_next(d, &e), 0);
    rota_dir_close(d);
    rota_dir_close(NULL);
    return 0;
}

TEST("a directory that is empty, none, or removed meanwhile")
{
    run_in_folder(list_odd);
}

static int temporaries(void *arg)
{
    (void)arg;
    struct stat st;
    char name[128], dir[128], bad[] = "/none/such/XXXXXX", wrong[] = "XXX";
    snprintf(name, sizeof name, "%s", path_of("t-XXXXXX"));
    int fd = rota_mkstemp(name);
    CHECK(fd >= 0);
    CHECK(strstr(name, "XXXXXX") == NULL);
    CHECK_INT(stat(name, &st), 0);
    CHECK_INT(st.st_mode & 0777, 0600);
    CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    CHECK_INT(rota_file_close(fd), 0);
    snprintf(dir, sizeof dir, "%s", path_of("d-XXXXXX"));
    CHECK_INT(rota_mkdtemp(dir), 0);
    CHECK(is_directory(dir));
    CHECK_INT(rota_mkstemp(bad), -ENOENT);
    CHECK_STR(bad, "/none/such/XXXXXX");
    CHECK_INT(rota_mkdtemp(bad), -ENOENT);
    CHECK_STR(bad, "/none/such/XXXXXX");
    CHECK_INT(rota_mkstemp(wrong), -EINVAL);
    fd = rota_tmpfile(dir);
    CHECK(fd >= 0);
    CHECK_INT(rota_file_write(fd, "gone", 4), 4);
    CHECK_INT(rota_file_stat(fd, &st), 0);
    CHECK_INT(st.st_nlink, 0);
    CHECK_INT(rota_rmdir(dir), 0); /* nothing is in it */
    CHECK_INT(rota_file_close(fd), 0);
    CHECK_INT(rota_tmpfile(dir), -ENOENT);
    return 0;
}

TEST("temporary files have names of their own, or none")
{
    run_in_folder(temporaries);
}

static int entries(void)
{
    int n = 0;
    DIR *d = opendir(folder);
    CHECK(d != NULL);
    while (readdir(d))
        n++;
    closedir(d);
    return n - 2;
}

static int replaces(void *arg)
{
    (void)arg;
    struct stat st, before;
    char file[128];
    snprintf(file, sizeof file, "%s", path_of("a"));
    CHECK_INT(rota_replace_file(file, "one", 3, 0640), 0);
    CHECK_INT(stat(file, &st), 0);
    CHECK_INT(st.st_mode & 07777, 0640);
    check_holds(file, "one");
    CHECK_INT(chmod(file, 0604), 0);
    CHECK_INT(stat(file, &before), 0);
    CHECK_INT(rota_symlink("a", path_of("link")), 0);
    int old = open(file, O_RDONLY | O_CLOEXEC);
    CHECK_INT(rota_replace_file(path_of("link"), "two", 3, 0600), 0);
    CHECK_INT(lstat(path_of("link"), &st), 0);
    CHECK(S_ISLNK(st.st_mode));
    CHECK_INT(stat(file, &st), 0);
    CHECK_INT(st.st_mode & 07777, 0604); /* the mode it had */
    CHECK(st.st_ino != before.st_ino);
    check_holds(file, "two");
    char data[8] = "";
    CHECK_INT(read(old, data, sizeof data), 3); /* who has it open */
    CHECK_STR(data, "one");
    close(old);
    CHECK_INT(rota_mkdir(path_of("sub"), 0700), 0);
    CHECK_INT(rota_replace_file(path_of("sub"), "x", 1, 0600), -EISDIR);
    CHECK_INT(rota_replace_file("/dev/null", "x", 1, 0600), -EINVAL);
    CHECK_INT(rota_replace_file(path_of("no/x"), "x", 1, 0600), -ENOENT);
    CHECK_INT(rota_replace_file(file, "", 0, 0600), 0);
    check_holds(file, "");
    CHECK_INT(chdir(folder), 0);
    CHECK_INT(rota_replace_file("here", "x", 1, 0600), 0);
    check_holds(path_of("here"), "x");
    CHECK_INT(entries(), 4); /* a, link, sub, here */
    return 0;
}

TEST("a file is replaced as a whole, with its mode, and through links")
{
    umask(0);
    run_in_folder(replaces);
}

enum { BIG = 8 << 20 };
static char *big;

ROTA_ASYNC(replace_big, (const char *, path))
{
    return rota_replace_file(path, big, BIG, 0600);
}

static int cancelled_replace(void *arg)
{
    (void)arg;
    enum { ROUNDS = 60 };
    struct stat st;
    const char *file = path_of("a");
    int cut = 0;
    big = malloc(BIG);
    CHECK(big != NULL);
    memset(big, 'n', BIG);
    for (int i = 0; i < ROUNDS; i++) {
        put(file, "old");
        rota_task *t = rota_create_task(replace_big, file);
        CHECK_INT(rota_sleep(rota_us(50 * i)), 0);
        rota_task_cancel(t, "test");
        int rc = rota_await(t);
        CHECK(rc == 0 || rc == -ROTA_ECHILD);
        cut += rc < 0;
        CHECK_INT(stat(file, &st), 0);
        CHECK_INT(st.st_size, rc == 0 ? BIG : 3);
        CHECK_INT(entries(), 1); /* nothing is left beside it */
    }
    CHECK(cut > 0);
    free(big);
    return 0;
}

TEST_LIMITED("a cancelled replacing leaves the old file, or has done it", 120)
{
    run_in_folder(cancelled_replace);
}

static int copies(void *arg)
{
    (void)arg;
    enum { SIZE = 3 << 20 };
    struct stat st;
    char *data = malloc(SIZE);
    CHECK(data != NULL);
    for (int i = 0; i < SIZE; i++)
        data[i] = (char)(i * 31 / 7);
    CHECK_INT(rota_write_file(path_of("a"), data, SIZE, 0640), 0);
    CHECK_INT(rota_copy_file(path_of("a"), path_of("b")), 0);
    rota_arena a;
    rota_str out;
    rota_arena_init(&a, NULL, 0);
    CHECK_INT(rota_read_file(path_of("b"), &a, SIZE, &out), 0);
    CHECK_INT(out.len, SIZE);
    CHECK(memcmp(out.ptr, data, SIZE) == 0);
    rota_arena_fini(&a);
    free(data);
    CHECK_INT(stat(path_of("b"), &st), 0);
    CHECK_INT(st.st_mode & 0777, 0640);
    put(path_of("small"), "small");
    CHECK_INT(rota_copy_file(path_of("small"), path_of("b")), 0);
    check_holds(path_of("b"), "small"); /* cut */
    CHECK_INT(rota_copy_file(path_of("small"), path_of("small")), -EINVAL);
    CHECK_INT(link(path_of("small"), path_of("hard")), 0);
    CHECK_INT(rota_copy_file(path_of("small"), path_of("hard")), -EINVAL);
    check_holds(path_of("small"), "small");
    CHECK_INT(rota_copy_file("/proc/self/comm", path_of("c")), 0);
    CHECK_INT(stat(path_of("c"), &st), 0);
    CHECK(st.st_size > 0);
    CHECK_INT(rota_copy_file(path_of("none"), path_of("c")), -ENOENT);
    CHECK_INT(rota_copy_file(folder, path_of("c")), -EISDIR);
    CHECK_INT(rota_copy_file(path_of("small"), "/dev/full"), -ENOSPC);
    CHECK_INT(mkfifo(path_of("p"), 0600), 0);
    CHECK_INT(rota_copy_file(path_of("p"), path_of("c")), -ESPIPE);
    CHECK_INT(rota_copy_file(path_of("small"), path_of("p")), -ENXIO);
    return 0;
}

TEST("a file is copied, but not onto itself")
{
    umask(0);
    run_in_folder(copies);
}

ROTA_ASYNC(try_each, (const char *, file))
{
    struct stat st;
    CHECK_INT(rota_checkpoint(), -ECANCELED);
    CHECK_INT(rota_stat("/", &st), -ECANCELED);
    CHECK_INT(rota_mkdir(path_of("sub"), 0700), -ECANCELED);
    CHECK_INT(rota_makedirs(path_of("sub"), 0700), -ECANCELED);
    CHECK_INT(rota_replace_file(file, "x", 1, 0600), -ECANCELED);
    CHECK_INT(rota_tmpfile(folder), -ECANCELED);
    return -ECANCELED;
}

static int not_begun(void *arg)
{
    (void)arg;
    rota_task *t = rota_create_task(try_each, path_of("a"));
    rota_task_cancel(t, "test");
    CHECK_INT(rota_await(t), -ROTA_ECHILD);
    CHECK_INT(entries(), 0);
    return 0;
}

TEST("a task that is cancelled begins nothing")
{
    run_in_folder(not_begun);
}

static int all_in_thread(void *arg)
{
    (void)arg;
    stats(NULL);
    rota_dir *d;
    rota_dir_entry e;
    CHECK_INT(rota_dir_open(folder, &d), 0);
    CHECK_INT(rota_dir_next(d, &e), 1);
    rota_dir_close(d);
    CHECK_INT(rota_makedirs(path_of("q/r"), 0700), 0);
    CHECK_INT(rota_replace_file(path_of("q/r/s"), "s", 1, 0600), 0);
    CHECK_INT(rota_copy_file(path_of("q/r/s"), path_of("q/r/t")), 0);
    return 0;
}

static int from_thread(void *arg)
{
    return rota_to_thread(all_in_thread, arg);
}

TEST("inside a thread job names are simply looked up")
{
    run_in_folder(from_thread);
}

static int simulated(void *arg)
{
    int rc = stats(arg);
    CHECK_INT(rota_replace_file(path_of("a"), "new", 3, 0600), 0);
    check_holds(path_of("a"), "new");
    return rc;
}

TEST("in a simulation files are the system's")
{
    folder_make();
    CHECK_INT(rota_sim_run(1, simulated, NULL, NULL), 0);
}
