/*
 * The turn to write. SQLite has one writer at a time, and a transaction keeps
 * it over many calls; so who writes waits here, in the order they came, as a
 * parked task and not as a thread. A transaction has the turn alone. Single
 * statements share it: they queue for the writer's thread, which runs them
 * one after the other without a visit to the loop in between.
 */
#include <errno.h>

#include "db/sqlite/sqlite.h"

struct turn {
    struct clause clause;
    bool alone;
};

static const struct wait_kind turn_wait = { "sqlite write", NULL, NULL };

static bool free_for(struct rota_sqlite *db, bool alone)
{
    return !db->held && (!alone || db->sharing == 0);
}

static void grant(struct rota_sqlite *db, bool alone)
{
    if (alone)
        db->held = true;
    else
        db->sharing++;
}

static struct turn *first_turn(struct rota_sqlite *db)
{
    return container_of(db->turns.next, struct turn, clause.link);
}

/* Hands the turn to those whose it is now. */
static void advance(struct rota_sqlite *db)
{
    while (!list_empty(&db->turns) && free_for(db, first_turn(db)->alone)) {
        struct turn *turn = first_turn(db);
        grant(db, turn->alone);
        clause_fire(&turn->clause, 0);
    }
}

int sqlite_gate_enter(struct rota_sqlite *db, struct rota_task *t, bool alone)
{
    if (list_empty(&db->turns) && free_for(db, alone)) {
        grant(db, alone);
        return 0;
    }
    struct turn turn = { .alone = alone };
    clause_init(&turn.clause, &turn_wait, db);
    list_push(&db->turns, &turn.clause.link);
    int rc = wait_park(t, &turn.clause, 1);
    if (rc < 0)
        advance(db); /* I may have been what others waited behind */
    return rc;
}

void sqlite_gate_leave(struct rota_sqlite *db, bool alone)
{
    if (alone)
        db->held = false;
    else
        db->sharing--;
    advance(db);
}

void sqlite_gate_clear(struct rota_sqlite *db)
{
    while (!list_empty(&db->turns))
        clause_fire(&first_turn(db)->clause, -ESHUTDOWN);
}
