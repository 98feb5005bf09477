/*
 * process_madvise(2) takes many pieces of memory at once, and since Linux 6.15
 * any advice and the name of the calling process for "whose memory"; where it
 * does not, it is not asked again.
 */
#include "coro/advise.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "coro/sanitize.h"

#ifndef SYS_process_madvise
#define SYS_process_madvise 440
#endif
#ifndef PIDFD_SELF_THREAD_GROUP
#define PIDFD_SELF_THREAD_GROUP -10001
#endif

static atomic_bool absent = SANITIZE_VALGRIND; /* it knows no such call */

size_t advise_each(char *at, size_t size, size_t stride, size_t count,
                   int advice)
{
    if (atomic_load_explicit(&absent, memory_order_relaxed))
        return 0;
    struct iovec pieces[ADVISE_MOST];
    count = count < ADVISE_MOST ? count : ADVISE_MOST;
    for (size_t i = 0; i < count; i++)
        pieces[i] = (struct iovec){ at + i * stride, size };
    long done = syscall(SYS_process_madvise, PIDFD_SELF_THREAD_GROUP, pieces,
                        count, advice, 0);
    if (done >= 0)
        return (size_t)done / size;
    if (errno != ENOMEM && errno != EAGAIN && errno != EINTR)
        atomic_store_explicit(&absent, true, memory_order_relaxed);
    return 0;
}
