/*
 * The demo: a small shop. Handlers that wait on the loop, on a thread, on the
 * cores; a file; and the shop's items in SQLite. Start it and open the page
 * it names.
 */
#include <time.h>

#include "rota/sqlite.h"
#include "rota/web.h"

extern const unsigned char index_html[];
extern const size_t index_html_size;

static const char *database = "shop.db";
static const char *files = "examples/demo/files";
static rota_sqlite *db;

/* ----------------------------------------------- what waits, and for what */

ROTA_MODEL(Hello, (str, message));
ROTA_MODEL(Waited, (f64, seconds), (str, where));
ROTA_MODEL(Fibonacci, (i32, n), (i64, value));

ROTA_PARAMS(Wait, query(f64, seconds, def(5), ge(0), le(3600),
                        doc("How long to wait")));
ROTA_PARAMS(Compute, query(i32, n, def(35), ge(0), le(45)));
ROTA_PARAMS(Name, query(str, name, min_len(1), max_len(255)));

static rota_response *home(rota_request *r, const None *in)
{
    (void)in;
    return rota_bytes(r, "text/html; charset=utf-8", index_html,
                      index_html_size);
}

static rota_response *plaintext(rota_request *r, const None *in)
{
    (void)in;
    return rota_bytes(r, "text/plain; charset=utf-8", "Hello, World!", 13);
}

static Hello *json(rota_request *r, const None *in)
{
    (void)in;
    Hello *out = rota_arena_zalloc(rota_request_arena(r), sizeof *out);
    if (out)
        out->message = ROTA_STR("Hello, World!");
    return out;
}

static Waited *waited(rota_request *r, double seconds, rota_str where)
{
    Waited *out = rota_arena_zalloc(rota_request_arena(r), sizeof *out);
    if (out)
        *out = (Waited){ .seconds = seconds, .where = where };
    return out;
}

/* Awaits: only this request waits, all others go on. */
static Waited *wait_async(rota_request *r, const Wait *in)
{
    int rc = rota_sleep(rota_seconds(in->seconds));
    if (rc < 0)
        return rota_http_error(r, 503, "%s", rota_cancel_reason());
    return waited(r, in->seconds, ROTA_STR("on the loop"));
}

/* Blocks, as a library that knows of no loop would; the route is marked
 * `thread`, so it blocks a pool thread. */
static Waited *wait_thread(rota_request *r, const Wait *in)
{
    struct timespec t = { .tv_sec = (time_t)in->seconds };
    t.tv_nsec = (long)((in->seconds - (double)t.tv_sec) * 1e9);
    while (clock_nanosleep(CLOCK_MONOTONIC, 0, &t, &t) == EINTR)
        ;
    return waited(r, in->seconds, ROTA_STR("on a thread"));
}

/* The long way round: it is to cost time. */
static int64_t fibonacci(int n)
{
    __asm__ volatile(""); /* or some compilers see through it */
    return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

static int compute(void *arg)
{
    Fibonacci *f = arg;
    f->value = fibonacci(f->n);
    return 0;
}

static Fibonacci *cpu(rota_request *r, const Compute *in)
{
    Fibonacci *out = rota_arena_zalloc(rota_request_arena(r), sizeof *out);
    if (!out)
        return NULL;
    out->n = in->n;
    int rc = rota_to_cpu(compute, out);
    if (rc < 0)
        return rota_http_error(r, 503, "not computed: %s", rota_strerror(rc));
    return out;
}

static rota_response *file(rota_request *r, const Name *in)
{
    return rota_file_below(r, files, in->name);
}

ROTA_ROUTES(waits, "",
    GET("/{$}",       home,        None,    Response),
    GET("/plaintext", plaintext,   None,    Response),
    GET("/json",      json,        None,    Hello),
    GET("/async",     wait_async,  Wait,    Waited, timeout(3700)),
    GET("/thread",    wait_thread, Wait,    Waited, thread, timeout(3700)),
    GET("/cpu",       cpu,         Compute, Fibonacci, timeout(3700)),
    GET("/file",      file,        Name,    Response));

/* --------------------------------------------------------------- the shop */

ROTA_MODEL(Item,
    (i64,  id,       read_only, doc("Given by the shop")),
    (str,  name,     min_len(1), max_len(80), example("lamp")),
    (f64,  price,    gt(0)),
    (bool, in_stock, def(true)),
    (str,  note,     optional, max_len(400)));

ROTA_PARAMS(ListItems,
    query(i32, limit,  def(50), ge(1), le(1000)),
    query(i64, offset, def(0), ge(0)),
    query(i64, work,   def(0), ge(0), le(1000000000),
          doc("Makes the query slow on purpose: counts so far in SQL")));
ROTA_PARAMS(OneItem, path(i64, id, ge(1)));
ROTA_PARAMS(NewItem, body(Item, item));
ROTA_PARAMS(ChangedItem, path(i64, id, ge(1)), body(Item, item));

/* What a database error means to the client. */
static void *refused(rota_request *r, int rc)
{
    if (rc == -EEXIST)
        return rota_http_error(r, 409, "an item of this name exists");
    if (rc == -EBUSY || rc == -ECANCELED || rc == -ESHUTDOWN)
        return rota_http_error(r, 503, "the shop is busy");
    rota_log(ROTA_LOG_ERROR, "database: %s", rota_sqlite_errmsg());
    return rota_http_error(r, 500, "the database failed");
}

static void *no_item(rota_request *r, int64_t id)
{
    return rota_http_error(r, 404, "no item %lld", (long long)id);
}

static Item_list *list_items(rota_request *r, const ListItems *in)
{
    rota_arena *a = rota_request_arena(r);
    Item_list *items = rota_arena_zalloc(a, sizeof *items);
    int64_t counted;
    int rc = items ? 0 : -ENOMEM;
    if (rc == 0 && in->work > 0)
        rc = rota_sqlite_get(db, a, &counted,
                             "with recursive c(n) as (select 1 union all "
                             "select n + 1 from c where n < ?) "
                             "select count(*) from c",
                             in->work);
    if (rc >= 0)
        rc = rota_sqlite_all(db, a, Item, items,
                             "select * from items order by id "
                             "limit ? offset ?",
                             in->limit, in->offset);
    return rc < 0 ? refused(r, rc) : items;
}

static Item *read_item(rota_request *r, const OneItem *in)
{
    Item *item;
    int rc = rota_sqlite_one(db, rota_request_arena(r), Item, &item,
                             "select * from items where id = ?", in->id);
    if (rc < 0)
        return refused(r, rc);
    return item ? item : no_item(r, in->id);
}

static Item *create_item(rota_request *r, const NewItem *in)
{
    const Item *new = &in->item;
    Item *item;
    int rc = rota_sqlite_one(db, rota_request_arena(r), Item, &item,
                             "insert into items(name, price, in_stock, note) "
                             "values(?, ?, ?, ?) returning *",
                             new->name, new->price, new->in_stock,
                             rota_sqlite_if(new->has.note, new->note));
    if (rc < 0)
        return refused(r, rc);
    char *where = rota_arena_printf(rota_request_arena(r), "/items/%lld",
                                    (long long)item->id);
    if (where)
        rota_set_header(r, "Location", where);
    return item;
}

static Item *change_item(rota_request *r, const ChangedItem *in)
{
    const Item *new = &in->item;
    Item *item;
    int rc = rota_sqlite_one(db, rota_request_arena(r), Item, &item,
                             "update items set name = ?, price = ?, "
                             "in_stock = ?, note = ? where id = ? returning *",
                             new->name, new->price, new->in_stock,
                             rota_sqlite_if(new->has.note, new->note),
                             in->id);
    if (rc < 0)
        return refused(r, rc);
    return item ? item : no_item(r, in->id);
}

static None *delete_item(rota_request *r, const OneItem *in)
{
    int rc = rota_sqlite_exec(db, "delete from items where id = ?", in->id);
    if (rc < 0)
        return refused(r, rc);
    return rc == 0 ? no_item(r, in->id) : NULL;
}

ROTA_ROUTES(items, "/items",
    GET   ("",      list_items,  ListItems,   Item_list, timeout(3700)),
    GET   ("/{id}", read_item,   OneItem,     Item),
    POST  ("",      create_item, NewItem,     Item, status(201)),
    PUT   ("/{id}", change_item, ChangedItem, Item),
    DELETE("/{id}", delete_item, OneItem,     None));

/* ------------------------------------------------------------ start and end */

static int open_shop(void *state)
{
    (void)state;
    int rc = rota_sqlite_open(database, NULL, &db);
    if (rc >= 0)
        rc = rota_sqlite_script(db,
                                "create table if not exists items("
                                "  id integer primary key,"
                                "  name text not null unique,"
                                "  price real not null,"
                                "  in_stock integer not null,"
                                "  note text);"
                                "insert or ignore into items values"
                                "  (1, 'lamp', 19.5, 1, 'warm white'),"
                                "  (2, 'chair', 80, 1, null),"
                                "  (3, 'table', 240, 0, 'back in May');");
    if (rc < 0)
        return rota_fail(rc, "%s (choose another file with --database)",
                         rota_sqlite_errmsg());
    rota_log(ROTA_LOG_INFO, "database %s", database);
    return 0;
}

static void close_shop(void *state)
{
    (void)state;
    rota_sqlite_close(db);
}

int main(int argc, char **argv)
{
    return rota_app_main(argc, argv,
        .title = "rota demo",
        .routers = { &waits, &items },
        .flags = {
            { "database", "FILE", "the shop's items", &database },
            { "files", "FOLDER", "what /file may read", &files },
        },
        .start = open_shop,
        .stop = close_shop);
}
