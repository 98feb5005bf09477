/*
 * The HTTP server under test, in a process of its own, with a handler that
 * does by path what a test needs:
 *
 *   /echo        answers with the body; 413 above 100 000 bytes, 408, 400
 *   /ignore      answers "ignored", and leaves the body alone
 *   /early       answers 413, and leaves the body alone
 *   /sleep?MS    answers "slept"
 *   /wait        waits until it is cancelled, logs "cancelled"
 *   /late?MS     the same, with a deadline in MS; then answers 504
 *   /block?MS    blocks the loop for MS, and only then has a deadline in MS
 *   /big?N       N bytes of body
 *   /pieces?N    N pieces of 1000 bytes, length unknown
 *   /known?A,W   announces A bytes, writes W
 *   /cancelled?MS  pieces until a deadline of MS
 *   /timed?MS,N  reads the body and writes N bytes, with a deadline in MS
 *   /picky?MS    takes one piece of the body, sleeps, then is as /echo
 *   /talk        begins its answer, then reads the body and sends it back
 *   /status?N    answers N, with the body "status"
 *   /split?N     a header, or type, that would split the response
 *   /silent      returns without an answer
 *   /twice       answers twice
 *   /after       must never be asked: it is what tests put behind an error
 *   else         "METHOD TARGET"
 */
#ifndef HTTP_SERVED_H
#define HTTP_SERVED_H

#include "client.h"
#include "http/server.h"
#include "process.h"

#define COUNT_OF(table) (sizeof(table) / sizeof *(table))

enum { SERVED_ECHO_MOST = 100000 };

/* How many bytes of a connection's output the kernel may keep; 0: as many as
 * it likes. To be set before it is started. */
extern int served_room;

/* Starts it; NULL: the options are the default ones. */
void served_start(struct process *p, const struct http_options *options);

#endif
