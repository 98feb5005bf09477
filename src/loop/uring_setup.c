/*
 * Setting an io_uring up. What the kernel has is asked, never derived from
 * its version: flags are tried from the best set down, opcodes are probed,
 * and where a feature has no probe of its own, an opcode that came with the
 * same release stands for it. Less than completions that are never dropped
 * and a wait with a time limit (Linux 5.11) is not worth having.
 */
#include "loop/uring.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

unsigned uring_forbidden;

struct rung {
    unsigned flags;
    unsigned part;
};

/* From the best down. SUBMIT_ALL is of 5.18, SINGLE_ISSUER of 6.0. */
static const struct rung ladder[] = {
    { IORING_SETUP_CLAMP | IORING_SETUP_SUBMIT_ALL |
          IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
          IORING_SETUP_TASKRUN_FLAG,
      URING_DEFER },
    { IORING_SETUP_CLAMP | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_COOP_TASKRUN |
          IORING_SETUP_TASKRUN_FLAG,
      URING_COOP },
    { IORING_SETUP_CLAMP, 0 },
};

static int make_ring(struct uring *u)
{
    int rc = -EOPNOTSUPP;
    for (size_t i = 0; i < sizeof ladder / sizeof *ladder; i++) {
        struct io_uring_params p = { .flags = ladder[i].flags };
        if (ladder[i].part & uring_forbidden)
            continue;
        rc = io_uring_queue_init_params(URING_ENTRIES, &u->ring, &p);
        if (rc == 0)
            u->parts |= ladder[i].part;
        if (rc != -EINVAL)
            break; /* EINVAL: a flag this kernel does not know */
    }
    return rc;
}

static int probe_opcodes(struct uring *u)
{
    static const int needed[] = {
        IORING_OP_ACCEPT,  IORING_OP_SEND,         IORING_OP_RECVMSG,
        IORING_OP_SENDMSG, IORING_OP_ASYNC_CANCEL, IORING_OP_POLL_ADD,
    };
    struct io_uring_probe *probe = io_uring_get_probe_ring(&u->ring);
    if (!probe)
        return -EOPNOTSUPP;
    int rc = 0;
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (!io_uring_opcode_supported(probe, needed[i]))
            rc = -EOPNOTSUPP;
    u->parts |= URING_MULTISHOT_POLL;
    if (io_uring_opcode_supported(probe, IORING_OP_SOCKET)) /* 5.19 */
        u->parts |= URING_MULTISHOT_ACCEPT;
    if (io_uring_opcode_supported(probe, IORING_OP_SEND_ZC)) /* 6.0 */
        u->parts |= URING_MULTISHOT_RECV;
    u->file_kinds = uring_file_kinds(probe);
    io_uring_free_probe(probe);
    u->parts &= ~uring_forbidden;
    return rc;
}

static int check_features(struct uring *u)
{
    unsigned needed = IORING_FEAT_NODROP | IORING_FEAT_FAST_POLL |
                      IORING_FEAT_EXT_ARG | IORING_FEAT_RW_CUR_POS;
    if ((u->ring.features & needed) != needed)
        return -EOPNOTSUPP;
    u->skip_success = u->ring.features & IORING_FEAT_CQE_SKIP;
    return probe_opcodes(u);
}

static size_t buffer_ring_size(void)
{
    return URING_BUFFERS * sizeof(struct io_uring_buf);
}

/* Memory a child made by fork does not see: the kernel writes to it. */
static void *map_private(size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    madvise(p, size, MADV_DONTFORK);
    return p;
}

static size_t memory_size(void)
{
    return (size_t)URING_BUFFERS * URING_BUFFER_SIZE;
}

static int register_buffers(struct uring *u)
{
    struct io_uring_buf_reg reg = {
        .ring_addr = (uintptr_t)u->buffers,
        .ring_entries = URING_BUFFERS,
        .bgid = 0,
    };
    return io_uring_register_buf_ring(&u->ring, &reg, 0);
}

static int make_buffers(struct uring *u)
{
    if (!(u->parts & URING_MULTISHOT_RECV))
        return 0;
    u->buffers = map_private(buffer_ring_size());
    if (!u->buffers)
        return -ENOMEM;
    if (register_buffers(u) < 0) {
        munmap(u->buffers, buffer_ring_size());
        u->buffers = NULL;
        u->parts &= ~URING_MULTISHOT_RECV;
        return 0;
    }
    u->memory = map_private(memory_size());
    if (!u->memory)
        return -ENOMEM;
    for (unsigned i = 0; i < URING_BUFFERS; i++)
        uring_buffer_return(u, i);
    return 0;
}

/* Where one thread's ring was, another's may be next. The kernel makes that an
 * order of events; ThreadSanitizer, which does not see liburing's mappings come
 * and go, takes it from this counter. */
static atomic_uint rings_ended;

void uring_teardown(struct uring *u)
{
    atomic_fetch_add(&rings_ended, 1);
    io_uring_queue_exit(&u->ring);
    if (u->memory)
        munmap(u->memory, memory_size());
    if (u->buffers)
        munmap(u->buffers, buffer_ring_size());
}

int uring_setup(struct uring *u)
{
    u->parts = 0;
    u->buffers = NULL;
    u->memory = NULL;
    int rc = make_ring(u);
    atomic_load(&rings_ended);
    if (rc < 0)
        return rc;
    rc = check_features(u);
    if (rc == 0)
        rc = make_buffers(u);
    if (rc < 0) {
        uring_teardown(u);
        return rc;
    }
    /* Both only help: a child keeps off the ring, and entering it is spared
     * the look-up of its descriptor. */
    io_uring_ring_dontfork(&u->ring);
    io_uring_register_ring_fd(&u->ring);
    return 0;
}

bool uring_is_whole(const void *state)
{
    const struct uring *u = state;
    unsigned whole =
        URING_DEFER | URING_MULTISHOT_ACCEPT | URING_MULTISHOT_RECV;
    return (u->parts & whole) == whole;
}
