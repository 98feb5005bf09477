/* want: text_chan */
#include <rota.h>

typedef ROTA_CHAN(int) int_chan;
typedef ROTA_TX(int) int_tx;
typedef ROTA_RX(int) int_rx;
typedef ROTA_CHAN(const char *) text_chan;
struct point {
    double x, y;
};

int takes(text_chan c);
int bad(int_chan c)
{
    return takes(c);
}
