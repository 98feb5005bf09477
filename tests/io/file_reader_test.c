/* Lines of files, and of what is none. */
#include "folder.h"

static rota_file_reader *reader_of(const char *path, int *fd)
{
    rota_file_reader *r;
    *fd = rota_file_open(path, O_RDONLY, 0);
    CHECK(*fd >= 0);
    CHECK_INT(rota_file_reader_new(*fd, &r), 0);
    return r;
}

static void expect(rota_file_reader *r, const char *text)
{
    rota_str line;
    CHECK_INT(rota_file_reader_readline(r, &line), strlen(text));
    CHECK(rota_str_eq(line, rota_str_of(text)));
}

static int lines(void *arg)
{
    (void)arg;
    static const char text[] = "one\n\nthree\r\nlast";
    rota_str line = { "untouched", 9 };
    int fd;
    CHECK_INT(rota_write_file(path_of("a"), text, sizeof text - 1, 0600), 0);
    rota_file_reader *r = reader_of(path_of("a"), &fd);
    expect(r, "one\n");
    expect(r, "\n");
    expect(r, "three\r\n");
    expect(r, "last");
    expect(r, "");
    expect(r, "");
    rota_file_reader_free(r);
    CHECK_INT(fcntl(fd, F_GETFD) >= 0, 1); /* it stays open */
    CHECK_INT(rota_file_close(fd), 0);
    CHECK_INT(rota_file_reader_new(fd, &r), 0);
    CHECK_INT(rota_file_reader_readline(r, &line), -EBADF);
    CHECK(rota_str_eq(line, ROTA_STR("untouched")));
    rota_file_reader_free(r);
    rota_file_reader_free(NULL);
    return 0;
}

TEST("lines are read, empty ones and the last without its end too")
{
    run_in_folder(lines);
}

static int long_lines(void *arg)
{
    (void)arg;
    enum { LINES = 300, LONGEST = 65536 };
    char *data = malloc(LINES * 1000 + LONGEST + 1);
    CHECK(data != NULL);
    size_t len = 0;
    for (size_t i = 0; i < LINES; i++) { /* they cross the chunks' borders */
        memset(data + len, 'a' + (int)(i % 26), i * 3);
        len += i * 3;
        data[len++] = '\n';
    }
    memset(data + len, 'z', LONGEST);
    len += LONGEST;
    data[len++] = '\n';
    CHECK_INT(rota_write_file(path_of("a"), data, len, 0600), 0);
    free(data);
    int fd;
    rota_str line;
    rota_file_reader *r = reader_of(path_of("a"), &fd);
    for (size_t i = 0; i < LINES; i++) {
        CHECK_INT(rota_file_reader_readline(r, &line), i * 3 + 1);
        for (size_t k = 0; k < i * 3; k++)
            CHECK_INT(line.ptr[k], 'a' + (int)(i % 26));
    }
    CHECK_INT(rota_file_reader_readline(r, &line), -EMSGSIZE);
    CHECK_INT(rota_file_reader_readline(r, &line), -EMSGSIZE);
    rota_file_reader_set_limit(r, LONGEST + 1); /* nothing was taken */
    CHECK_INT(rota_file_reader_readline(r, &line), LONGEST + 1);
    CHECK_INT(rota_file_reader_readline(r, &line), 0);
    rota_file_reader_free(r);
    CHECK_INT(rota_file_close(fd), 0);
    return 0;
}

TEST("a line longer than the limit is refused, and there when that is raised")
{
    run_in_folder(long_lines);
}

ROTA_ASYNC(read_line, (rota_file_reader *, r), (rota_str *, line))
{
    return (int)rota_file_reader_readline(r, line);
}

static int of_fifo(void *arg)
{
    (void)arg;
    int fd;
    rota_str line;
    CHECK_INT(mkfifo(path_of("fifo"), 0600), 0);
    rota_file_reader *r = reader_of(path_of("fifo"), &fd);
    int out = open(path_of("fifo"), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    CHECK(out >= 0);
    write_fully(out, "half", 4);
    rota_task *t = rota_create_task(read_line, r, &line);
    settle();
    CHECK_INT(rota_file_reader_readline(r, &line), -EBUSY);
    rota_task_cancel(t, "test");
    CHECK_INT(rota_await(t), -ROTA_ECHILD);
    t = rota_create_task(read_line, r, &line);
    settle();
    write_fully(out, " a line\nmore", 12);
    CHECK_INT(rota_await(t), 12);
    CHECK(rota_str_eq(line, ROTA_STR("half a line\n"))); /* none is lost */
    close(out);
    expect(r, "more");
    expect(r, "");
    CHECK_INT(rota_file_close(fd), 0);
    rota_file_reader_free(r);
    return 0;
}

TEST("a FIFO's lines are waited for; a cancel loses nothing of them")
{
    run_in_folder(of_fifo);
}

static int closed_meanwhile(void *arg)
{
    (void)arg;
    int fds[2];
    rota_str line;
    rota_file_reader *r;
    CHECK_INT(pipe2(fds, O_CLOEXEC), 0); /* they block */
    CHECK_INT(rota_file_reader_new(fds[0], &r), 0);
    rota_task *t = rota_create_task(read_line, r, &line);
    settle();
    CHECK_INT(rota_file_close(fds[0]), 0);
    CHECK_INT(rota_await(t), -EBADF);
    CHECK_INT(rota_file_close(fds[1]), 0);
    rota_file_reader_free(r);
    return 0;
}

TEST("closing a pipe ends who waits for its line")
{
    run_in_folder(closed_meanwhile);
}
