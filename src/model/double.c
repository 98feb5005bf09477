/*
 * Writing numbers. A double is written with the fewest digits that read back
 * as the same double, and of those the nearest: Raffaello Giulietti's
 * Schubfach method ("The Schubfach way to render doubles", 2020). Scale the
 * double and the two halfway points to its neighbours by one power of ten, so
 * that they become integers with a sticky last bit; then the shortest decimal
 * between the halfway points is found by looking at one digit.
 */
#include <string.h>

#include "model/number.h"

enum {
    FRACTION_BITS = 52,
    EXPONENT_BIAS = 1075, /* of the exponent of the integer significand */
    EXPONENT_MASK = 0x7FF,
};

static const char two_digits[201] =
    "00010203040506070809101112131415161718192021222324252627282930313233343536"
    "37383940414243444546474849505152535455565758596061626364656667686970717273"
    "7475767778798081828384858687888990919293949596979899";

char *json_put_u64(char *to, uint64_t value)
{
    char text[20];
    char *p = text + sizeof text;

    while (value >= 100) {
        p -= 2;
        memcpy(p, two_digits + value % 100 * 2, 2);
        value /= 100;
    }
    if (value >= 10) {
        p -= 2;
        memcpy(p, two_digits + value * 2, 2);
    } else {
        *--p = (char)('0' + value);
    }
    size_t len = (size_t)(text + sizeof text - p);
    memcpy(to, p, len);
    return to + len;
}

char *json_put_i64(char *to, int64_t value)
{
    uint64_t magnitude = (uint64_t)value;

    if (value < 0) {
        *to++ = '-';
        magnitude = 0 - magnitude;
    }
    return json_put_u64(to, magnitude);
}

/* digits * 10^exponent */
struct decimal {
    uint64_t digits;
    int exponent;
};

/* floor(q * log10(2)), or of 3/4 * 2^q where the lower neighbour is nearer. */
static int floor_log10_pow2(int q, bool nearer)
{
    return (q * 1262611 - (nearer ? 524031 : 0)) >> 22;
}

/* floor(k * log2(10)) */
static int floor_log2_pow10(int k)
{
    return (k * 1741647) >> 19;
}

/* The product's upper 64 bits, its last bit set when anything is below. */
static uint64_t round_to_odd(const uint64_t power[2], uint64_t c)
{
    unsigned __int128 low = (unsigned __int128)power[1] * c;
    unsigned __int128 high =
        (unsigned __int128)power[0] * c + (uint64_t)(low >> 64);

    return (uint64_t)(high >> 64) | ((uint64_t)high > 1);
}

/* The shortest decimal of c * 2^q. All values below are in quarters of a
 * unit of the last digit, so that the halfway points are integers. */
static struct decimal shortest(uint64_t c, int q, bool nearer)
{
    int k = floor_log10_pow2(q, nearer);
    int shift = q + floor_log2_pow10(-k) + 1;
    const uint64_t *power = json_pow10[-k - JSON_POW10_MIN];
    uint64_t odd = c & 1;
    uint64_t low = round_to_odd(power, (4 * c - 2 + nearer) << shift) + odd;
    uint64_t mid = round_to_odd(power, (4 * c) << shift);
    uint64_t high = round_to_odd(power, (4 * c + 2) << shift) - odd;
    uint64_t s = mid / 4;

    if (s >= 10) {
        uint64_t tens = s / 10;
        bool down_fits = low <= 40 * tens, up_fits = 40 * tens + 40 <= high;
        if (down_fits != up_fits)
            return (struct decimal){ tens + up_fits, k + 1 };
    }
    bool down_fits = low <= 4 * s, up_fits = 4 * s + 4 <= high;
    if (down_fits != up_fits)
        return (struct decimal){ s + up_fits, k };
    uint64_t half = 4 * s + 2;
    bool up = mid > half || (mid == half && (s & 1));
    return (struct decimal){ s + up, k };
}

/* value is finite and above zero. */
static struct decimal to_decimal(uint64_t bits)
{
    uint64_t fraction = bits & (((uint64_t)1 << FRACTION_BITS) - 1);
    int exponent = (int)(bits >> FRACTION_BITS) & EXPONENT_MASK;

    if (exponent == 0)
        return shortest(fraction, 1 - EXPONENT_BIAS, false);
    uint64_t c = fraction | (uint64_t)1 << FRACTION_BITS;
    int q = exponent - EXPONENT_BIAS;
    bool whole =
        q <= 0 && q >= -FRACTION_BITS && (c & (((uint64_t)1 << -q) - 1)) == 0;
    if (whole)
        return (struct decimal){ c >> -q, 0 };
    return shortest(c, q, fraction == 0 && exponent > 1);
}

static char *put_zeros(char *to, int n)
{
    memset(to, '0', (size_t)n);
    return to + n;
}

/* 123e4 as 1230000.0, 123e-2 as 1.23, 123e-5 as 0.00123. */
static char *put_fixed(char *to, const char *digits, int count, int point)
{
    if (point <= 0) {
        to = put_zeros(to, 1);
        *to++ = '.';
        to = put_zeros(to, -point);
        memcpy(to, digits, (size_t)count);
        return to + count;
    }
    int whole = count < point ? count : point;
    memcpy(to, digits, (size_t)whole);
    to = put_zeros(to + whole, point - whole);
    *to++ = '.';
    if (count <= point)
        return put_zeros(to, 1);
    memcpy(to, digits + point, (size_t)(count - point));
    return to + count - point;
}

/* 123e20 as 1.23e22. */
static char *put_scientific(char *to, const char *digits, int count, int point)
{
    *to++ = digits[0];
    if (count > 1) {
        *to++ = '.';
        memcpy(to, digits + 1, (size_t)(count - 1));
        to += count - 1;
    }
    *to++ = 'e';
    return json_put_i64(to, point - 1);
}

char *json_put_double(char *to, double value)
{
    /* Between these powers of ten no exponent is written. */
    enum { FIXED_LEAST = -4, FIXED_MOST = 16 };
    char digits[20];
    uint64_t bits;

    memcpy(&bits, &value, sizeof bits);
    if (bits >> 63)
        *to++ = '-';
    bits &= ~((uint64_t)1 << 63);
    if (bits == 0) {
        memcpy(to, "0.0", 3);
        return to + 3;
    }
    struct decimal d = to_decimal(bits);
    int count = (int)(json_put_u64(digits, d.digits) - digits);
    int point = count + d.exponent;
    while (count > 1 && digits[count - 1] == '0')
        count--;
    if (point > FIXED_LEAST && point <= FIXED_MOST)
        return put_fixed(to, digits, count, point);
    return put_scientific(to, digits, count, point);
}
