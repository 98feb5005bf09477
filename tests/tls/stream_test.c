/* TLS streams are streams: reading, writing, half-close, closing. */
#include "ends.h"

static int talks(void *arg)
{
    (void)arg;
    struct ends e = usual_ends();
    check_talk(e.client.s, e.server.s, "from the client");
    check_talk(e.server.s, e.client.s, "from the server");
    rota_stream_close(e.client.s);
    e.client.s = NULL;
    char byte;
    CHECK_INT(rota_stream_read(e.server.s, &byte, 1), 0);
    end_ends(&e);
    return 0;
}

TEST("what one end writes the other reads, and the end is an end")
{
    run_tls(talks);
}
