/*
 * What the header lines of a request say to the server itself: whose host is
 * meant, where the body ends, whether the connection goes on. Private to the
 * request-head parser.
 */
#ifndef HTTP_H1_FIELDS_H
#define HTTP_H1_FIELDS_H

#include "http/h1.h"

/* What has been met in one head. */
struct h1_fields {
    bool absolute; /* the target named an authority: head->host has it */
    bool host;     /* these header lines were there */
    bool length;
    bool coding;
    bool upgrade;
    bool connection_close; /* these words were in Connection */
    bool connection_keep;
    bool connection_upgrade;
    int16_t refusal; /* the head may be right and is still refused: status */
};

/* Whether h1_fields_take does anything with names of that length. */
static inline bool h1_fields_may_know(size_t len)
{
    const uint32_t lengths =
        1u << (sizeof "host" - 1) | 1u << (sizeof "expect" - 1) |
        1u << (sizeof "upgrade" - 1) | 1u << (sizeof "connection" - 1) |
        1u << (sizeof "content-length" - 1) |
        1u << (sizeof "transfer-encoding" - 1);
    return len < 32 && (lengths >> len & 1);
}

/*
 * Takes one header line. Returns 0, or -400 when the line can not stand
 * (there, or after the lines before it).
 */
int h1_fields_take(struct h1_fields *f, struct h1_head *head, const char *in,
                   const struct h1_header *line);

/*
 * Draws the conclusions at the end of the head: sets keep_alive, upgrade.
 * Returns 0 or the refusal: -400, -417 or -501.
 */
int h1_fields_end(const struct h1_fields *f, struct h1_head *head);

/* Whether these bytes are a host with or without a port, as Host and an
 * absolute target have it. */
bool h1_authority_good(rota_str s);

#endif
