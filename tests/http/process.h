/*
 * A server in a process of its own, as a test sees it: the port it names on
 * stdout, what it writes to stderr, how it ends. It dies with the test.
 */
#ifndef HTTP_PROCESS_H
#define HTTP_PROCESS_H

#include <stddef.h>
#include <sys/types.h>

struct process {
    pid_t pid;
    int out; /* its stdout, a pipe */
    int err; /* its stderr, a file */
    int port;
};

/* Starts a process that runs fn(arg) and exits with what it returns. */
void process_fork(struct process *p, int (*fn)(void *arg), void *arg);

/* Starts the program argv[0] with argv. */
void process_exec(struct process *p, char *const argv[]);

/* Waits until it has said "listening on http://127.0.0.1:PORT". */
void process_want_port(struct process *p);

/* What it has written to stderr so far; valid until the next call. */
const char *process_log(struct process *p);

/* How often it has written `text` to stderr. */
size_t process_log_count(struct process *p, const char *text);

/* Waits until it has written `text` to stderr. */
void process_want_log(struct process *p, const char *text);

/* Resident memory, KiB. */
long process_memory(struct process *p);

/* Sends a signal, if not 0, and waits for the end: the wait status. */
int process_end(struct process *p, int sig);

/* Ends it by SIGTERM: its exit status must be 0. */
void process_stop(struct process *p);

#endif
