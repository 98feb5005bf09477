/*
 * Linked with --wrap=io_uring_queue_init_params: every ring of the program has
 * 8 entries, and room for 8 completions, so that both run over all the time.
 */
#include <liburing.h>

int __real_io_uring_queue_init_params(unsigned entries, struct io_uring *ring,
                                      struct io_uring_params *p);
int __wrap_io_uring_queue_init_params(unsigned entries, struct io_uring *ring,
                                      struct io_uring_params *p);

int __wrap_io_uring_queue_init_params(unsigned entries, struct io_uring *ring,
                                      struct io_uring_params *p)
{
    enum { SMALL = 8 };
    p->flags |= IORING_SETUP_CQSIZE;
    p->cq_entries = SMALL;
    return __real_io_uring_queue_init_params(entries < SMALL ? entries : SMALL,
                                             ring, p);
}
