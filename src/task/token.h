/*
 * Inside a token: the links from it to scopes, and to functions.
 */
#ifndef TASK_TOKEN_H
#define TASK_TOKEN_H

struct link;

/* Undoes the links of a scope, or of a runtime, that ends. */
void token_unlink(struct link **links);

#endif
