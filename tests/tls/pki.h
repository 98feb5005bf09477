/*
 * Certificates for the tests, made as they are needed, in a directory of
 * their own: nothing that expires is kept.
 */
#ifndef PKI_H
#define PKI_H

#include <stdbool.h>

struct cert {
    const char *name;     /* of its files: "a" makes a.crt and a.key, PEM */
    const char *issuer;   /* of another; NULL: itself */
    const char *names;    /* "DNS:localhost,IP:127.0.0.1"; NULL: none */
    const char *common;   /* its subject's CN; NULL: `name` */
    bool authority;       /* may issue others */
    bool rsa;             /* else its key is on a curve */
    int from, to;         /* valid, in days from now; 0 and 0: today */
    const char *chain[3]; /* certificates put behind it in its file */
};

/* Makes the directory, removed by pki_end; once in a process. */
void pki_begin(void);
void pki_end(void);

void pki_make(const struct cert *c);
#define PKI(...) pki_make(&(struct cert){ __VA_ARGS__ })

/* Writes the list of those that `issuer` has revoked, NULL at the end, into
 * the file `name`; to one that is there it is added. */
void pki_revoke(const char *name, const char *issuer,
                const char *const *revoked);

/* The path of a file in there; valid until the process ends. */
const char *pki_file(const char *name);

/* What most tests need: root, trusted; server for localhost and its
 * addresses. */
void pki_usual(void);

#endif
