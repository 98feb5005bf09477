/*
 * Reading numbers. Nearly all of them have at most 19 digits and a small
 * power of ten, and take the short way; the others are worked out digit by
 * digit (integers) or by the C library (doubles).
 */
#include "model/number.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>

/* As many digits as always fit in 64 bits. */
enum { MANTISSA_DIGITS = 19 };

/* A power of ten this large is out of any range, whatever the digits. */
#define POWER_CLAMP ((int64_t)1 << 50)

static bool is_digit(char c)
{
    return (unsigned char)(c - '0') < 10;
}

struct digits {
    uint64_t mantissa;
    unsigned count;   /* in the mantissa */
    int64_t left_out; /* behind it */
    bool exact;
};

static inline void take_digit(struct digits *d, char c)
{
    unsigned digit = (unsigned)(c - '0');

    if (d->count < MANTISSA_DIGITS) {
        d->mantissa = d->mantissa * 10 + digit;
        d->count += d->mantissa != 0;
    } else {
        d->left_out++;
        d->exact = d->exact && digit == 0;
    }
}

/* The power behind an e; NULL when there is none. */
static const char *scan_power(const char *p, const char *end, int64_t *power)
{
    bool negative = p < end && *p == '-';

    if (p < end && (*p == '-' || *p == '+'))
        p++;
    if (p == end || !is_digit(*p))
        return NULL;
    int64_t value = 0;
    for (; p < end && is_digit(*p); p++)
        if (value < POWER_CLAMP)
            value = value * 10 + (*p - '0');
    *power = negative ? -value : value;
    return p;
}

const char *json_number_scan(const char *p, const char *end,
                             struct json_number *n)
{
    struct digits d = { .exact = true };
    int64_t fraction = 0;
    const char *begin = p;

    n->power = 0;
    n->negative = p < end && *p == '-';
    p += n->negative;
    const char *first = p;
    while (p < end && is_digit(*p))
        take_digit(&d, *p++);
    if (p == first || (*first == '0' && p - first > 1))
        return NULL;
    if (p < end && *p == '.') {
        const char *point = ++p;
        while (p < end && is_digit(*p))
            take_digit(&d, *p++);
        fraction = p - point;
        if (fraction == 0)
            return NULL;
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        p = scan_power(p + 1, end, &n->power);
        if (!p)
            return NULL;
    }
    n->text = (rota_str){ begin, (size_t)(p - begin) };
    n->mantissa = d.mantissa;
    n->exact = d.exact;
    n->exponent = n->power - fraction + d.left_out;
    return p;
}

/* magnitude = magnitude * 10 + digit, unless it overflows. */
static bool push_digit(uint64_t *magnitude, unsigned digit)
{
    return !__builtin_mul_overflow(*magnitude, 10, magnitude) &&
           !__builtin_add_overflow(*magnitude, digit, magnitude);
}

/* Any number, digit by digit: those before the decimal point, wherever the
 * power has moved it, make the value; those behind it must be zeros. */
static int integer_by_digits(const struct json_number *n, uint64_t *magnitude)
{
    const char *p = n->text.ptr + n->negative, *end = n->text.ptr + n->text.len;
    const char *point = p;
    uint64_t value = 0;

    while (point < end && is_digit(*point))
        point++;
    int64_t left = point - p + n->power;
    for (; p < end && (is_digit(*p) || *p == '.'); p++) {
        if (*p == '.')
            continue;
        unsigned digit = (unsigned)(*p - '0');
        if (left-- <= 0 && digit != 0)
            return -EDOM;
        if (left >= 0 && !push_digit(&value, digit))
            return -ERANGE;
    }
    for (; left > 0 && value != 0; left--)
        if (!push_digit(&value, 0))
            return -ERANGE;
    *magnitude = value;
    return 0;
}

int json_number_integer(const struct json_number *n, uint64_t *magnitude)
{
    if (!n->exact || n->exponent != 0)
        return integer_by_digits(n, magnitude);
    *magnitude = n->mantissa;
    return 0;
}

static locale_t c_locale;

static void make_c_locale(void)
{
    c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

/* The C library rounds correctly, but wants a NUL at the end. */
__attribute__((noinline)) static int double_by_libc(rota_arena *a,
                                                    const struct json_number *n,
                                                    double *value)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    char *text = rota_arena_strndup(a, n->text.ptr, n->text.len);

    pthread_once(&once, make_c_locale);
    if (!text || !c_locale)
        return -ENOMEM;
    *value = strtod_l(text, NULL, c_locale);
    return isfinite(*value) ? 0 : -ERANGE;
}

int json_number_double(rota_arena *a, const struct json_number *n,
                       double *value)
{
    /* Powers of ten that a double holds exactly. With a mantissa it holds
     * exactly too, one operation rounds once: the result is correct. */
    static const double tens[] = { 1e0,  1e1,  1e2,  1e3,  1e4,  1e5,
                                   1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                   1e12, 1e13, 1e14, 1e15, 1e16, 1e17,
                                   1e18, 1e19, 1e20, 1e21, 1e22 };
    const int64_t most = sizeof tens / sizeof tens[0] - 1;

    if (!n->exact || n->mantissa > (uint64_t)1 << 53 || n->exponent > most ||
        n->exponent < -most)
        return double_by_libc(a, n, value);
    double v = (double)n->mantissa;
    v = n->exponent < 0 ? v / tens[-n->exponent] : v * tens[n->exponent];
    *value = n->negative ? -v : v;
    return 0;
}
