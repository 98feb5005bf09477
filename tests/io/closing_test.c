/*
 * Cancellations and closes that meet completions, in great number: data and
 * descriptors are never lost, no number is ever mistaken for another file's.
 */
#include "pair.h"

#include <poll.h>

ROTA_ASYNC(exactly, (rota_stream *, s), (char *, data), (size_t, size))
{
    return rota_stream_readexactly(s, data, size, NULL);
}

static int cut_between(void *arg)
{
    (void)arg;
    for (int i = 0; i < 60; i++) {
        struct pair p = unix_pair();
        char got[8] = "";
        rota_task *t = rota_create_task(exactly, p.s, got, 8);
        for (int k = 0; k < i % 4; k++)
            CHECK_INT(rota_checkpoint(), 0);
        write_fully(p.peer, "1234", 4);
        for (int k = 0; k < i / 4 % 5; k++)
            CHECK_INT(rota_checkpoint(), 0);
        rota_task_cancel(t, "test");
        CHECK_INT(rota_await(t), -ROTA_ECHILD); /* no more will come */
        CHECK_INT(rota_stream_read(p.s, got, 8), 4);
        CHECK(memcmp(got, "1234", 4) == 0);
        pair_close(&p);
    }
    return 0;
}

/* PITFALL 32, STRM-07 */
TEST("a cancel just after a part has come ends the read all the same")
{
    run_clean(cut_between);
}
