#include <rota.h>

typedef ROTA_CHAN(int) int_chan;
typedef ROTA_TX(int) int_tx;
typedef ROTA_RX(int) int_rx;
typedef ROTA_CHAN(const char *) text_chan;
struct point {
    double x, y;
};

int good(int_chan c, int_tx tx, int_rx rx, text_chan t);

int good(int_chan c, int_tx tx, int_rx rx, text_chan t)
{
    int n;
    const char *word;
    rota_case cases[] = {
        ROTA_CASE_OF_SEND(c, 1),
        ROTA_CASE_OF_SEND(tx, 2),
        ROTA_CASE_OF_RECV(c, &n),
        ROTA_CASE_OF_RECV(rx, &n),
    };
    int rc = ROTA_SEND(c, 42);
    rc |= ROTA_TRY_SEND(tx, 'x');
    rc |= ROTA_RECV(rx, &n);
    rc |= ROTA_TRY_RECV(t, &word);
    return rc | rota_select(cases, 4, 0, 0);
}
