/* want: _Generic */
#include <rota.h>

typedef ROTA_CHAN(int) int_chan;
typedef ROTA_TX(int) int_tx;
typedef ROTA_RX(int) int_rx;
typedef ROTA_CHAN(const char *) text_chan;
struct point {
    double x, y;
};

int bad(int_rx rx)
{
    return ROTA_SEND(rx, 1);
}
