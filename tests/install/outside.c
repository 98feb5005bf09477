/*
 * A program of somebody else: it was given rota's headers and libraries and
 * nothing more. It uses all three libraries, so that each must be found.
 */
#include <rota/sqlite.h>
#include <rota/web.h>

static rota_sqlite *db;

ROTA_PARAMS(OneItem, path(i64, id, ge(1)));
ROTA_MODEL(Item, (i64, id), (str, name, pattern("^[a-z]+$")));

ROTA_ASYNC(twice, (int, n))
{
    int rc = rota_sleep(rota_ms(1));
    return rc < 0 ? rc : 2 * n;
}

static Item *read_item(rota_request *r, const OneItem *in)
{
    Item *item;
    int id = rota_await(rota_create_task(twice, (int)in->id));
    int rc = rota_sqlite_one(db, rota_request_arena(r), Item, &item,
                             "select ? as id, 'lamp' as name", id);
    if (rc < 0)
        return rota_http_error(r, 500, "%s", rota_sqlite_errmsg());
    return item;
}

ROTA_ROUTES(items, "/items", GET("/{id}", read_item, OneItem, Item));

static int start(void *state)
{
    (void)state;
    return rota_sqlite_open(":memory:", NULL, &db);
}

static void stop(void *state)
{
    (void)state;
    rota_sqlite_close(db);
}

int main(int argc, char **argv)
{
    return rota_app_main(argc, argv, .title = "outside", .routers = { &items },
                         .start = start, .stop = stop);
}
