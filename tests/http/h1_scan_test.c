/*
 * The wide scans and their plain twins say the same, for every byte at every
 * place, and look at nothing beyond the end they are given.
 */
#include "http/h1_scan.h"

#include <stdlib.h>

#include "test.h"

enum { LONGEST = 70 };

/* Both scans over `len` bytes in memory of just that size. */
static void check_both(const char *bytes, size_t len)
{
    char *copy = malloc(len ? len : 1);
    CHECK(copy != NULL);
    memcpy(copy, bytes, len);
    CHECK_INT(h1_scan_token(copy, copy + len) - copy,
              h1_scan_token_plain(copy, copy + len) - copy);
    CHECK_INT(h1_scan_value(copy, copy + len) - copy,
              h1_scan_value_plain(copy, copy + len) - copy);
    free(copy);
}

TEST("every byte is told alike at every place of runs of every length")
{
    char bytes[LONGEST];
    for (size_t len = 1; len <= LONGEST; len += len < 20 ? 1 : 7) {
        for (size_t at = 0; at < len; at++) {
            for (int b = 0; b < 256; b++) {
                memset(bytes, 'a', len);
                bytes[at] = (char)b;
                check_both(bytes, len);
            }
        }
    }
}

TEST("runs of random bytes are told alike")
{
    static const char mostly[] = "abzAZ09-_.~!|";
    char bytes[LONGEST];
    unsigned seed = 1;
    for (int round = 0; round < 50000; round++) {
        size_t len = (size_t)round % LONGEST;
        for (size_t i = 0; i < len; i++) {
            seed = seed * 1664525 + 1013904223;
            unsigned r = seed >> 16;
            bytes[i] = r % 16 == 0 ? (char)(r >> 4)
                                   : mostly[r / 16 % (sizeof mostly - 1)];
        }
        check_both(bytes, len);
    }
}

TEST("the classes hold what the grammar says")
{
    static const char tchars[] = "!#$%&'*+-.^_`|~";
    for (int b = 0; b < 256; b++) {
        bool digit = b >= '0' && b <= '9';
        bool letter = (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z');
        bool hex = digit || (b >= 'a' && b <= 'f') || (b >= 'A' && b <= 'F');
        bool tchar = digit || letter || (b && strchr(tchars, b));
        bool name = digit || letter || (b && strchr("-._~", b));
        bool url = name || (b && strchr("!$&'()*+,;=:@/[]{}|^`", b));
        CHECK_INT(h1_is((char)b, H1_TOKEN), tchar);
        CHECK_INT(h1_is((char)b, H1_HEX), hex);
        CHECK_INT(h1_is((char)b, H1_NAME), name);
        CHECK_INT(h1_is((char)b, H1_URL), url);
        CHECK_INT(h1_is_value((char)b), b == '\t' || (b >= 32 && b != 127));
        CHECK_INT((unsigned char)h1_lower((char)b),
                  b >= 'A' && b <= 'Z' ? b + 32 : b);
    }
}

TEST("words are compared in any case, and only letters fold")
{
    CHECK(h1_folds_to("HoSt", "host", 4));
    CHECK(h1_folds_to("Transfer-ENCODING", "transfer-encoding", 17));
    CHECK(!h1_folds_to("Transfer_Encoding", "transfer-encoding", 17));
    CHECK(!h1_folds_to("Transfer-Encodinh", "transfer-encoding", 17));
    CHECK(h1_folds_to("Content-Length", "content-length", 14));
    CHECK(!h1_folds_to("Xontent-Length", "content-length", 14));
    CHECK(!h1_folds_to("Content-lengti", "content-length", 14));
    CHECK(h1_folds_to("UPGRADE", "upgrade", 7));
    CHECK(!h1_folds_to("upgradd", "upgrade", 7));
    /* 0xc8 is 'H' with its top bit set. */
    CHECK(!h1_folds_to("\xc8ost", "host", 4));
}
