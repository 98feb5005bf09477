/*
 * Request paths: what is refused, how the rest is split and decoded (WEB.md
 * 3.2 item 13), and that no name leads out of a folder.
 */
#include "web/path.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "test.h"

static rota_arena arena;

/* Parses; the segments, each behind a "|", and a "/" if it ends in one. */
static const char *parsed(const char *raw)
{
    static char out[512];
    struct path p;
    CHECK_INT(path_parse(&p, rota_str_of(raw), &arena), 0);
    size_t n = 0;
    for (unsigned i = 0; i < p.count; i++) {
        rota_str s = path_segment(&p, i);
        n +=
            (size_t)snprintf(out + n, sizeof out - n, "|%.*s", ROTA_STR_ARG(s));
    }
    snprintf(out + n, sizeof out - n, "%s", p.slash ? "/" : "");
    return out;
}

static int parse_code(const char *bytes, size_t len)
{
    struct path p;
    return path_parse(&p, (rota_str){ bytes, len }, &arena);
}

static void check_refused(const char *raw)
{
    if (parse_code(raw, strlen(raw)) != -EINVAL)
        test_fail(TEST_AT, "\"%s\" is not refused", raw);
}

TEST("a plain path is split where it lies, nothing copied (web 3.2.13)")
{
    static const char raw[] = "/items/17/parts";
    struct path p;
    CHECK_INT(path_parse(&p, ROTA_STR("/items/17/parts"), &arena), 0);
    CHECK_INT(path_parse(&p, rota_str_of(raw), &arena), 0);
    CHECK(p.text == raw);
    CHECK(arena.chunks == NULL);
    CHECK_INT(p.count, 3);
    CHECK(!p.slash && !p.empty);
    CHECK(rota_str_eq(path_segment(&p, 1), ROTA_STR("17")));
    CHECK(rota_str_eq(path_rest(&p, 1), ROTA_STR("17/parts")));
    CHECK_INT(path_rest(&p, 3).len, 0);
}

TEST("the root has no segment, and a trailing slash is not one")
{
    CHECK_STR(parsed("/"), "/");
    CHECK_STR(parsed("/a"), "|a");
    CHECK_STR(parsed("/a/"), "|a/");
    CHECK_STR(parsed("/a/b.c/d.."), "|a|b.c|d..");
}

TEST("an escaped slash stays inside its segment (web 3.2.13)")
{
    CHECK_STR(parsed("/a%2Fb/c"), "|a/b|c");
    CHECK_STR(parsed("/a%2fb%2f"), "|a/b/");
    struct path p;
    CHECK_INT(path_parse(&p, ROTA_STR("/a%2Fb/c"), &arena), 0);
    CHECK_INT(p.count, 2);
}

TEST("a segment is decoded once, not twice (web 3.2.13)")
{
    CHECK_STR(parsed("/%252e%252e/x"), "|%2e%2e|x");
    CHECK_STR(parsed("/%25"), "|%");
    CHECK_STR(parsed("/a+b%20c"), "|a+b c");
    CHECK_STR(parsed("/caf%C3%A9/%e2%82%ac/%F0%9F%98%80"),
              "|caf\xc3\xa9|\xe2\x82\xac|\xf0\x9f\x98\x80");
}

TEST("bad escapes are refused")
{
    check_refused("/%");
    check_refused("/%4");
    check_refused("/a%/b");
    check_refused("/%4/b");
    check_refused("/%g0");
    check_refused("/%0g");
    check_refused("/%%41");
    check_refused("/%u0041");
}

TEST("NUL and control characters are refused, raw or escaped (web 3.2.13)")
{
    check_refused("/a%00");
    check_refused("/a%00.txt");
    check_refused("/%0d%0aX:y");
    check_refused("/%1f");
    check_refused("/%7F");
    check_refused("/a\tb");
    check_refused("/a\x7f");
    CHECK_INT(parse_code("/a\0b", 4), -EINVAL);
}

TEST("invalid and overlong UTF-8 is refused (web 3.2.13, RFC 3629 10)")
{
    static const char *const bad[] = {
        "/%c0%af",       "/%c0%ae%c0%ae/", "/%c1%bf",       "/%e0%80%af",
        "/%e0%9f%bf",    "/%f0%80%80%af",  "/%f0%8f%bf%bf", "/%80",
        "/%bf",          "/%c3",           "/%c3/%a9",      "/%e2%82",
        "/%ed%a0%80",    "/%ed%bf%bf",     "/%f4%90%80%80", "/%f5%80%80%80",
        "/%ff",          "/%fe",           "/%c3%28",       "/%e2%28%a1",
        "/%f0%9f%98%28",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        check_refused(bad[i]);
    CHECK_STR(parsed("/%ed%9f%bf%ee%80%80%f4%8f%bf%bf"),
              "|\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf");
}

TEST("what is no path at all is refused")
{
    check_refused("");
    check_refused("a");
    check_refused("*");
    check_refused("http://h/");
    check_refused("/a?b");
    check_refused("/a#b");
    check_refused("/a b");
    check_refused("/a\\b");
    check_refused("/..\\b");
    check_refused("/caf\xc3\xa9");
    check_refused("/%41/\xc3\xa9"); /* raw bytes are looked at to the end */
    check_refused("//\\");
}

TEST("dot segments are resolved, escaped ones too (RFC 3986 5.2.4)")
{
    CHECK_STR(parsed("/a/b/c/./../../g"), "|a|g");
    CHECK_STR(parsed("/a/./b"), "|a|b");
    CHECK_STR(parsed("/."), "/");
    CHECK_STR(parsed("/./"), "/");
    CHECK_STR(parsed("/a/."), "|a/");
    CHECK_STR(parsed("/a/.."), "/");
    CHECK_STR(parsed("/a/../"), "/");
    CHECK_STR(parsed("/a/b/.."), "|a/");
    CHECK_STR(parsed("/a/%2e%2e/b"), "|b");
    CHECK_STR(parsed("/a/.%2E/b/%2e/c"), "|b|c");
    CHECK_STR(parsed("/a//../b"), "|a|b");
    CHECK_STR(parsed("/.hidden/..two/...three"), "|.hidden|..two|...three");
    CHECK_STR(parsed("/..%2f../x"), "|../..|x"); /* one segment, no climb */
}

TEST("dot segments that climb above the root are refused")
{
    check_refused("/..");
    check_refused("/../");
    check_refused("/a/../..");
    check_refused("/a/../../a/b");
    check_refused("/%2e%2e/etc/passwd");
    check_refused("/a/%2E./.%2e/etc");
}

TEST("an empty segment is kept and marked")
{
    struct path p;
    CHECK_STR(parsed("//"), "|/");
    CHECK_STR(parsed("//a"), "||a");
    CHECK_STR(parsed("/a//b"), "|a||b");
    CHECK_INT(path_parse(&p, ROTA_STR("/a//b"), &arena), 0);
    CHECK(p.empty);
    CHECK_INT(path_parse(&p, ROTA_STR("/a//../b"), &arena), 0);
    CHECK(!p.empty);
}

TEST("a path deeper than its spans keeps its count and its rest")
{
    enum { DEEP = 3000 };
    char raw[DEEP * 2 + 32] = "";
    for (int i = 0; i < DEEP; i++)
        strcat(raw, "/x");
    struct path p;
    CHECK_INT(path_parse(&p, rota_str_of(raw), &arena), 0);
    CHECK_INT(p.count, DEEP);
    CHECK_INT(path_rest(&p, 31).len, (DEEP - 31) * 2 - 1);
    strcat(raw, "/%61/../y");
    CHECK_INT(path_parse(&p, rota_str_of(raw), &arena), 0);
    CHECK_INT(p.count, DEEP + 1);
    rota_str rest = path_rest(&p, 31);
    CHECK_INT(rest.len, (DEEP + 1 - 31) * 2 - 1);
    CHECK(memcmp(rest.ptr + rest.len - 4, "/x/y", 4) == 0);
}

TEST("the longest path is taken and one byte more is too long")
{
    size_t most = 65535;
    char *raw = malloc(most + 1);
    CHECK(raw != NULL);
    memset(raw, 'x', most + 1);
    raw[0] = '/';
    CHECK_INT(parse_code(raw, most), 0);
    CHECK_INT(parse_code(raw, most + 1), -ENAMETOOLONG);
    memset(raw, '/', most + 1);
    CHECK_INT(parse_code(raw, most), 0);
    raw[1] = '%';
    CHECK_INT(parse_code(raw, most), -EINVAL);
    free(raw);
    rota_arena_fini(&arena);
}

static const char *location(const char *raw, bool slash, const char *query)
{
    struct path p;
    char *out = NULL;
    CHECK_INT(path_parse(&p, rota_str_of(raw), &arena), 0);
    CHECK_INT(path_location(&p, slash, rota_str_of(query), &arena, &out), 0);
    return out;
}

TEST("a location is the canonical path, encoded again, with the query")
{
    CHECK_STR(location("/items", true, ""), "/items/");
    CHECK_STR(location("/items/", false, "a=1&b=%20"), "/items?a=1&b=%20");
    CHECK_STR(location("/a/./b/../c%2Fd%20%3f%C3%A9", true, ""),
              "/a/c%2Fd%20%3F%C3%A9/");
    CHECK_STR(location("/a:b@c;d=e,f!", false, ""), "/a:b@c;d=e,f!");
    CHECK_STR(location("/", false, "q"), "/?q");
}

TEST("a location never leads to another host")
{
    struct path p;
    char *out = NULL;
    CHECK_INT(path_parse(&p, ROTA_STR("/.//host/x"), &arena), 0);
    CHECK_INT(path_location(&p, true, ROTA_STR(""), &arena, &out), -EINVAL);
    CHECK_INT(path_parse(&p, ROTA_STR("//host"), &arena), 0);
    CHECK_INT(path_location(&p, true, ROTA_STR(""), &arena, &out), -EINVAL);
    CHECK_STR(location("/%2Fhost", true, ""), "/%2Fhost/");
    CHECK_STR(location("/%5Chost", true, ""), "/%5Chost/");
}

static int join_code(const char *bytes, size_t len)
{
    char *out = NULL;
    return path_join_safe(&arena, ROTA_STR("/srv"), (rota_str){ bytes, len },
                          &out);
}

TEST("a safe name is joined to its folder with one slash")
{
    char *out = NULL;
    CHECK_INT(
        path_join_safe(&arena, ROTA_STR("/srv"), ROTA_STR("a/b.txt"), &out), 0);
    CHECK_STR(out, "/srv/a/b.txt");
    CHECK_INT(path_join_safe(&arena, ROTA_STR("/"), ROTA_STR("..a"), &out), 0);
    CHECK_STR(out, "/..a");
    CHECK_INT(path_join_safe(&arena, ROTA_STR(""), ROTA_STR("a"), &out), 0);
    CHECK_STR(out, "a");
}

TEST("a name that could lead out of its folder is refused")
{
    static const char *const bad[] = {
        "",         "/",      "/etc/passwd", "..",    "../x",
        "a/..",     "a/../b", "a/../..",     ".",     "./a",
        "a/.",      "a//b",   "a/",          "..\\x", "a\\..\\b",
        "\\\\host", "C:\\x",  "a\nb",        "a\x7f", "a/./b",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (join_code(bad[i], strlen(bad[i])) != -EINVAL)
            test_fail(TEST_AT, "\"%s\" is not refused", bad[i]);
    CHECK_INT(join_code("a\0b", 3), -EINVAL);
    CHECK_INT(join_code("hello.txt\0../..", 15), -EINVAL);
}

TEST("a name longer than the system takes is refused")
{
    char name[5000];
    memset(name, 'x', sizeof name);
    CHECK_INT(join_code(name, 255), 0);
    CHECK_INT(join_code(name, 256), -ENAMETOOLONG);
    for (size_t i = 1; i < sizeof name; i += 2)
        name[i] = '/';
    CHECK_INT(join_code(name, 4089), 0); /* "/srv/", it, NUL: 4095 */
    CHECK_INT(join_code(name, 4091), -ENAMETOOLONG);
    CHECK_INT(join_code(name, 4999), -ENAMETOOLONG);
}

/* A folder to serve, with a secret and all manner of links beside it:
 * up/secret, up/www/{file,folder/deep,out,abs,dir_out,in,dir_in,proc}. */
static char top[] = "/tmp/path-test-XXXXXX";

static void write_file(int at, const char *name, const char *text)
{
    int fd = openat(at, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    CHECK(fd >= 0);
    CHECK_INT(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static int make_folder(void)
{
    CHECK(mkdtemp(top) != NULL);
    int up = open(top, O_DIRECTORY | O_CLOEXEC);
    write_file(up, "secret", "s");
    CHECK_INT(mkdirat(up, "www", 0700), 0);
    int www = openat(up, "www", O_DIRECTORY | O_CLOEXEC);
    write_file(www, "file", "f");
    CHECK_INT(mkdirat(www, "folder", 0700), 0);
    write_file(www, "folder/deep", "d");
    CHECK_INT(symlinkat("../secret", www, "out"), 0);
    CHECK_INT(symlinkat("/etc/passwd", www, "abs"), 0);
    CHECK_INT(symlinkat("..", www, "dir_out"), 0);
    CHECK_INT(symlinkat("file", www, "in"), 0);
    CHECK_INT(symlinkat("folder", www, "dir_in"), 0);
    CHECK_INT(symlinkat("/proc/self/root/etc/passwd", www, "proc"), 0);
    close(up);
    return www;
}

static void remove_folder(int www)
{
    static const char *const links[] = { "out", "abs",    "dir_out",
                                         "in",  "dir_in", "proc" };
    for (size_t i = 0; i < sizeof links / sizeof *links; i++)
        CHECK_INT(unlinkat(www, links[i], 0), 0);
    CHECK_INT(unlinkat(www, "folder/deep", 0), 0);
    CHECK_INT(unlinkat(www, "folder", AT_REMOVEDIR), 0);
    CHECK_INT(unlinkat(www, "file", 0), 0);
    CHECK_INT(unlinkat(www, "../secret", 0), 0);
    CHECK_INT(unlinkat(www, "../www", AT_REMOVEDIR), 0);
    close(www);
    CHECK_INT(rmdir(top), 0);
}

/* Opens and reads one byte: that byte, or the error. */
static int first_byte(int www, const char *name)
{
    int fd = path_open_beneath(www, name, O_RDONLY | O_NONBLOCK);
    if (fd < 0)
        return fd;
    CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    char c = 0;
    ssize_t n = read(fd, &c, 1);
    int error = errno;
    close(fd);
    return n == 1 ? c : -error;
}

static void check_outward(int www)
{
    static const char *const names[] = { "out", "abs", "dir_out/secret",
                                         "proc" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        int rc = first_byte(www, names[i]);
        if (rc != -EXDEV && rc != -ELOOP && rc != -ENOTDIR)
            test_fail(TEST_AT, "%s gives %d", names[i], rc);
    }
    CHECK(path_open_beneath(www, "../secret", O_RDONLY) < 0);
    CHECK(path_open_beneath(www, "folder/../../secret", O_RDONLY) < 0);
    CHECK(path_open_beneath(www, "/etc/passwd", O_RDONLY) < 0);
    CHECK(path_open_beneath(www, "", O_RDONLY) < 0);
}

TEST("opening beneath a folder follows links inside it and none outside")
{
    int www = make_folder();
    CHECK_INT(first_byte(www, "file"), 'f');
    CHECK_INT(first_byte(www, "folder/deep"), 'd');
    if (syscall(SYS_openat2, -1, "", NULL, 0) < 0 && errno != ENOSYS) {
        CHECK_INT(first_byte(www, "in"), 'f');
        CHECK_INT(first_byte(www, "dir_in/deep"), 'd');
    }
    check_outward(www);
    CHECK_INT(first_byte(www, "none"), -ENOENT);
    CHECK_INT(first_byte(www, "file/x"), -ENOTDIR);
    CHECK_INT(path_open_beneath(www, "new", O_WRONLY | O_CREAT), -EINVAL);
    CHECK_INT(path_open_beneath(www, "file", O_RDONLY | O_DIRECTORY), -ENOTDIR);
    remove_folder(www);
}

/* From here on openat2 fails with `error`, as in a container of old. */
static void forbid_openat2(int error)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { sizeof code / sizeof *code, code };
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
        test_skip("no seccomp filter can be set here");
    CHECK_INT(syscall(SYS_openat2, -1, "", NULL, 0), -1);
    CHECK_INT(errno, error);
}

/* Lowest free descriptor: tells whether any was left open. */
static int lowest_free(void)
{
    int fd = dup(0);
    CHECK(fd >= 0);
    close(fd);
    return fd;
}

static void check_walk(int error)
{
    forbid_openat2(error);
    int www = make_folder();
    int before = lowest_free();
    CHECK_INT(first_byte(www, "file"), 'f');
    CHECK_INT(first_byte(www, "folder/deep"), 'd');
    CHECK_INT(first_byte(www, "in"), -ELOOP); /* stricter: no link at all */
    CHECK_INT(first_byte(www, "dir_in/deep"), -ENOTDIR);
    check_outward(www);
    CHECK_INT(first_byte(www, "none"), -ENOENT);
    CHECK_INT(first_byte(www, "none/x"), -ENOENT);
    CHECK_INT(first_byte(www, "file/x"), -ENOTDIR);
    CHECK_INT(lowest_free(), before);
    remove_folder(www);
}

TEST("without openat2 a folder is walked and no link is followed")
{
    check_walk(ENOSYS);
}

TEST("where seccomp refuses openat2 a folder is walked too")
{
    check_walk(EPERM);
}
