/*
 * The string formats: the common ones of JSON Schema, each held against the
 * standard that defines it.
 */
#include <arpa/inet.h>
#include <string.h>

#include "model/valid.h"

/* Not those of <ctype.h>: they follow the locale. */
static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_alnum(char c)
{
    return is_alpha(c) || is_digit(c);
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* What is left of the text; each take_ function moves it on or fails. */
struct cursor {
    const char *at;
    const char *end;
};

static bool take(struct cursor *c, char wanted)
{
    if (c->at == c->end || *c->at != wanted)
        return false;
    c->at++;
    return true;
}

static bool take_either(struct cursor *c, char one, char two)
{
    return take(c, one) || take(c, two);
}

/* Exactly `count` digits that make a number of [low, high]. */
static bool take_number(struct cursor *c, int count, int low, int high,
                        int *value)
{
    *value = 0;
    for (; count > 0; count--, c->at++) {
        if (c->at == c->end || !is_digit(*c->at))
            return false;
        *value = *value * 10 + (*c->at - '0');
    }
    return *value >= low && *value <= high;
}

static int days_of(int year, int month)
{
    static const int days[] = {
        31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31
    };
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    return days[month - 1] + (month == 2 && leap);
}

/* RFC 3339 section 5.6: full-date */
static bool take_date(struct cursor *c)
{
    int year, month, day;

    return take_number(c, 4, 0, 9999, &year) && take(c, '-') &&
           take_number(c, 2, 1, 12, &month) && take(c, '-') &&
           take_number(c, 2, 1, days_of(year, month), &day);
}

/* RFC 3339 section 5.6: full-time; a leap second is allowed. */
static bool take_time(struct cursor *c)
{
    int n;

    if (!take_number(c, 2, 0, 23, &n) || !take(c, ':') ||
        !take_number(c, 2, 0, 59, &n) || !take(c, ':') ||
        !take_number(c, 2, 0, 60, &n))
        return false;
    if (take(c, '.')) {
        if (!take_number(c, 1, 0, 9, &n))
            return false;
        while (c->at < c->end && is_digit(*c->at))
            c->at++;
    }
    if (take_either(c, 'Z', 'z'))
        return true;
    return take_either(c, '+', '-') && take_number(c, 2, 0, 23, &n) &&
           take(c, ':') && take_number(c, 2, 0, 59, &n);
}

static bool is_date(struct cursor c)
{
    return take_date(&c) && c.at == c.end;
}

static bool is_date_time(struct cursor c)
{
    return take_date(&c) && take_either(&c, 'T', 't') && take_time(&c) &&
           c.at == c.end;
}

/* RFC 9562 section 4 */
static bool is_uuid(struct cursor c)
{
    static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

    if (c.end - c.at != sizeof shape - 1)
        return false;
    for (size_t i = 0; i < sizeof shape - 1; i++)
        if (shape[i] == '-' ? c.at[i] != '-' : !is_hex(c.at[i]))
            return false;
    return true;
}

/* Labels of letters, digits and inner hyphens, at most 63 bytes each. */
static bool is_host(struct cursor c)
{
    enum { LABEL_MAX = 63 };

    do {
        const char *label = c.at;
        while (c.at < c.end && (is_alnum(*c.at) || *c.at == '-'))
            c.at++;
        if (c.at == label || c.at - label > LABEL_MAX || *label == '-' ||
            c.at[-1] == '-')
            return false;
    } while (take(&c, '.'));
    return c.at == c.end;
}

/* HTML Living Standard 4.10.5.1.5, "valid email address", with the 64 bytes
 * of RFC 5321 section 4.5.3.1.1 for the local part. */
static bool is_email(struct cursor c)
{
    enum { LOCAL_MAX = 64 };
    const char *local = c.at;

    while (c.at < c.end && *c.at &&
           (is_alnum(*c.at) || strchr(".!#$%&'*+/=?^_`{|}~-", *c.at)))
        c.at++;
    return c.at > local && c.at - local <= LOCAL_MAX && take(&c, '@') &&
           is_host(c);
}

/* RFC 3986: a scheme, then only characters and escapes that a URI may have. */
static bool is_uri(struct cursor c)
{
    const char *scheme = c.at;

    while (c.at < c.end && *c.at &&
           (is_alnum(*c.at) || (c.at > scheme && strchr("+-.", *c.at))))
        c.at++;
    if (c.at == scheme || !is_alpha(*scheme) || !take(&c, ':') || c.at == c.end)
        return false;
    for (; c.at < c.end; c.at++) {
        if (*c.at == '%' &&
            (c.end - c.at < 3 || !is_hex(c.at[1]) || !is_hex(c.at[2])))
            return false;
        if (!*c.at ||
            (!is_alnum(*c.at) && !strchr("-._~:/?#[]@!$&'()*+,;=%", *c.at)))
            return false;
    }
    return true;
}

/* inet_pton takes the strict forms only, but wants a NUL. */
static bool is_address(struct cursor c, int family)
{
    char text[INET6_ADDRSTRLEN];
    unsigned char address[sizeof(struct in6_addr)];
    size_t len = (size_t)(c.end - c.at);

    if (len >= sizeof text || memchr(c.at, '\0', len))
        return false;
    memcpy(text, c.at, len);
    text[len] = '\0';
    return inet_pton(family, text, address) == 1;
}

static bool is_ipv4(struct cursor c)
{
    return is_address(c, AF_INET);
}

static bool is_ipv6(struct cursor c)
{
    return is_address(c, AF_INET6);
}

static const struct format {
    const char *name;
    bool (*fits)(struct cursor c);
} formats[] = {
    { "date", is_date },   { "date-time", is_date_time },
    { "email", is_email }, { "uuid", is_uuid },
    { "uri", is_uri },     { "ipv4", is_ipv4 },
    { "ipv6", is_ipv6 },
};

static const struct format *find_format(const char *name)
{
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
        if (strcmp(formats[i].name, name) == 0)
            return &formats[i];
    return NULL;
}

bool model_format_known(const char *format)
{
    return find_format(format) != NULL;
}

bool model_format_ok(const char *format, rota_str text)
{
    const struct format *f = find_format(format);
    const char *at = text.len ? text.ptr : "";

    return f && f->fits((struct cursor){ at, at + text.len });
}
