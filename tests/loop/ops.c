/*
 * The helpers of ops.h.
 */
#include "ops.h"

struct loop loop;

void begin(void)
{
    CHECK_INT(loop_init(&loop), 0);
}

void end(void)
{
    CHECK(!loop.backend->busy(loop.backend_state));
    loop_fini(&loop);
}

bool on_uring(void)
{
    return strcmp(loop.backend->name, "uring") == 0;
}

static bool settled;

static void fire_settled(struct timer *t)
{
    (void)t;
    settled = true;
}

void glance(void)
{
    struct timer t = { .fire = fire_settled };
    CHECK_INT(timer_arm(&loop.timers, &t, rota_now()), 0);
    loop_turn(&loop);
    CHECK_INT(t.place, 0);
}

void settle(void)
{
    struct timer t = { .fire = fire_settled };
    settled = false;
    CHECK_INT(timer_arm(&loop.timers, &t, rota_now() + rota_ms(30)), 0);
    turn_until(settled);
}

static void note(struct op *op)
{
    struct job *j = container_of(op, struct job, op);
    CHECK(!j->ended);
    j->calls++;
    j->last = op->result;
    j->ended = !op->armed;
    if (op->kind == OP_STREAM && op->result > 0) {
        if (j->bytes)
            memcpy(j->bytes + j->got, op->data, (size_t)op->result);
        j->got += (size_t)op->result;
    }
}

struct job job_make(enum op_kind kind, int fd, void *data, size_t size)
{
    return (struct job){
        .op = { .kind = kind,
                .fd = fd,
                .done = note,
                .data = data,
                .size = size },
    };
}

struct job job_receive(int fd, struct parcel *parcel)
{
    parcel->place = (struct iovec){ &parcel->byte, 1 };
    parcel->header =
        (struct msghdr){ .msg_iov = &parcel->place, .msg_iovlen = 1 };
    return job_make(OP_RECVMSG, fd, &parcel->header, 0);
}

void job_start(struct job *j)
{
    int calls = j->calls;
    j->ended = false;
    int rc = op_submit(&loop, &j->op);
    CHECK(rc == 0 || rc == 1);
    CHECK_INT(j->calls, calls);
    CHECK_INT(j->op.armed, rc == 0);
    if (rc == 1) {
        j->ended = true;
        j->last = j->op.result;
    }
}

void send_way(int way, struct job *in, int fd)
{
    *in = job_make(OP_STREAM, fd, NULL, 0);
    if (way == 1)
        job_start(in);
}

void send_way_end(struct job *in)
{
    if (in->op.armed)
        job_stop(in);
}

int job_stop(struct job *j)
{
    int rc = op_cancel(&loop, &j->op);
    CHECK(rc == 0 || rc == 1);
    CHECK_INT(j->op.armed, rc == 0);
    if (rc == 1) {
        j->ended = true;
        j->last = -ECANCELED;
    }
    turn_until(j->ended);
    CHECK(!j->op.armed);
    return j->last;
}

int job_run(struct job *j)
{
    job_start(j);
    turn_until(j->ended);
    CHECK(!j->op.armed);
    return j->last;
}

void set_blocking(int fd, bool blocking)
{
    int mode = fcntl(fd, F_GETFL);
    mode = blocking ? mode & ~O_NONBLOCK : mode | O_NONBLOCK;
    CHECK_INT(fcntl(fd, F_SETFL, mode), 0);
}

void make_pair(int ends[2])
{
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
                         ends),
              0);
}

void make_pipe(int ends[2])
{
    CHECK_INT(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
}

int make_listener(struct sockaddr_in *address, int backlog)
{
    *address = (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    socklen_t size = sizeof *address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0);
    CHECK_INT(bind(fd, (struct sockaddr *)address, size), 0);
    CHECK_INT(listen(fd, backlog), 0);
    CHECK_INT(getsockname(fd, (struct sockaddr *)address, &size), 0);
    return fd;
}

int dial(const struct sockaddr_in *address)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0);
    CHECK_INT(connect(fd, (const struct sockaddr *)address, sizeof *address),
              0);
    return fd;
}

void make_tcp_pair(int ends[2])
{
    struct sockaddr_in address;
    int listener = make_listener(&address, 8);
    ends[0] = dial(&address);
    set_blocking(ends[0], false);
    ends[1] = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    CHECK(ends[1] >= 0);
    close(listener);
}

void reset_close(int fd)
{
    struct linger now = { .l_onoff = 1, .l_linger = 0 };
    CHECK_INT(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
    close(fd);
}

size_t fill(int fd)
{
    static char block[16384];
    size_t total = 0;
    ssize_t n;
    /* Smaller and smaller: until not one byte goes. */
    for (size_t size = sizeof block; size > 0; size /= 2)
        while ((n = write(fd, block, size)) > 0)
            total += (size_t)n;
    CHECK_INT(errno, EAGAIN);
    return total;
}

size_t raise_files(void)
{
    struct rlimit limit;
    CHECK_INT(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &limit), 0);
    return (size_t)limit.rlim_cur;
}
