/*
 * read(2) and write(2) of OP_READ, OP_WRITE, OP_READV and OP_WRITEV, on what
 * may have been inherited in blocking mode. That mode is shared with other
 * processes and thus not ours to change: sockets are told with each call not
 * to wait, the others are asked before.
 */
#ifndef LOOP_PLAIN_H
#define LOOP_PLAIN_H

#include <stdbool.h>

#include "loop/fds.h"

/* Does of the op what can be done now: its result, or a negative errno, of
 * which -EAGAIN says that it must wait (`sent` counts what is done of it).
 * `slot` is its descriptor's. */
int plain_try(struct fd_slot *slot, struct op *op);

#endif
