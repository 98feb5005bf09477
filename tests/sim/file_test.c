/* Files in a simulation: a hundred rounds of each race under each seed. */
#include "../io/file_races.h"
#include "sim.h"

/* At once, when it is done, or between. */
static void go_on(rota_task *t, unsigned round)
{
    if (round % 4 == 1)
        while (!rota_task_done(t))
            CHECK_INT(rota_sleep(rota_us(10)), 0);
    if (round % 4 > 1)
        CHECK_INT(rota_sleep(rota_us((rota_dur)rota_sim_random(120))), 0);
}

static const struct file_race race = { 100, go_on };

static void need_folder(void)
{
    if (!*folder)
        folder_make();
}

/* PITFALL 32, PITFALL 55 */
SIM_TEST("a write meets its cancel: it is done and told, or it is not")
{
    need_folder();
    file_race_writes(&race);
}

/* PITFALL 24, PITFALL 32 */
SIM_TEST("an open or a close meets its cancel: nothing is left open")
{
    need_folder();
    file_race_opens(&race);
}

/* PITFALL 24 */
SIM_TEST("a writer meets the close, and a number in use")
{
    need_folder();
    file_race_closes(&race);
}

enum { SIZE = 10000 };

/* Read in parts, which are drawn: no more than was there, no less. */
ROTA_ASYNC(read_all, (int, fd), (size_t *, got))
{
    static char data[SIZE + 1];
    ssize_t n = rota_file_pread(fd, data, sizeof data, 0);
    *got = n > 0 ? (size_t)n : 0;
    for (size_t i = 0; i < *got; i++)
        CHECK_INT(data[i], (char)('a' + i % 26));
    return n < 0 ? (int)n : 0;
}

static int write_alphabet(void)
{
    static char data[SIZE];
    for (size_t i = 0; i < SIZE; i++)
        data[i] = (char)('a' + i % 26);
    int fd = rota_file_open(path_of("a"), O_RDWR | O_CREAT | O_TRUNC, 0600);
    CHECK_INT(rota_file_pwrite(fd, data, SIZE, 0), SIZE);
    return fd;
}

/* PITFALL 34 */
SIM_TEST("what is moved in parts arrives whole; cut off, its beginning does")
{
    need_folder();
    size_t got;
    int fd = write_alphabet();
    rota_task *t = rota_create_task(read_all, fd, &got);
    CHECK_INT(rota_await(t), 0);
    CHECK_INT(got, SIZE);
    t = rota_create_task(read_all, fd, &got);
    CHECK_INT(rota_sleep(rota_us((rota_dur)rota_sim_random(200))), 0);
    rota_task_cancel(t, "test");
    int rc = rota_await(t);
    CHECK(got > 0 ? rc == 0 : rc == -ROTA_ECHILD);
    CHECK_INT(rota_file_close(fd), 0);
}

/* Between the look and the change another task may come: a lost update. */
ROTA_ASYNC(count_up, (int, fd))
{
    unsigned char n;
    CHECK_INT(rota_file_pread(fd, &n, 1, 0), 1);
    n++;
    CHECK_INT(rota_file_pwrite(fd, &n, 1, 0), 1);
    return 0;
}

static int lost_updates(void *arg)
{
    unsigned char n = 0;
    int fd = rota_file_open(path_of("n"), O_RDWR | O_CREAT, 0600);
    CHECK_INT(rota_file_pwrite(fd, &n, 1, 0), 1);
    rota_task *t[] = { rota_create_task(count_up, fd),
                       rota_create_task(count_up, fd) };
    CHECK_INT(rota_gather(t, 2, NULL, 0), 0);
    CHECK_INT(rota_file_pread(fd, &n, 1, 0), 1);
    CHECK_INT(rota_file_close(fd), 0);
    *(bool *)arg = n == 1;
    return 0;
}

TEST("seeds differ in what calls on files come first")
{
    enum { SEEDS = 100 };
    folder_make();
    int lost = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        bool here = false, again = false;
        CHECK_INT(rota_sim_run(seed, lost_updates, &here, NULL), 0);
        CHECK_INT(rota_sim_run(seed, lost_updates, &again, NULL), 0);
        CHECK_INT(here, again);
        lost += here;
    }
    CHECK(lost > 0 && lost < SEEDS);
}
