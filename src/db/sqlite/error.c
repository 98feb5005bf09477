/*
 * SQLite's result codes as ours. The extended codes are what tells a key that
 * is there already from other constraints.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "db/sqlite/sqlite.h"

static int constraint_code(int extended)
{
    switch (extended) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID: return -EEXIST;
    default: return -EPERM;
    }
}

int sqlite_code(int extended, int system)
{
    switch (extended & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE: return 0;
    case SQLITE_CONSTRAINT: return constraint_code(extended);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL: return -EBUSY;
    case SQLITE_INTERRUPT: return -ECANCELED;
    case SQLITE_NOMEM: return -ENOMEM;
    case SQLITE_READONLY: return -EROFS;
    case SQLITE_FULL: return -ENOSPC;
    case SQLITE_IOERR: return system == ENOSPC ? -ENOSPC : -EIO;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return -EBADMSG;
    case SQLITE_CANTOPEN: return system ? -system : -EIO;
    case SQLITE_PERM:
    case SQLITE_AUTH: return -EACCES;
    case SQLITE_TOOBIG: return -EMSGSIZE;
    case SQLITE_NOLFS: return -EFBIG;
    default: return -EINVAL; /* the SQL, or how it was used */
    }
}

int sqlite_fail(struct sqlite_query *q, int rc, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(q->text, sizeof q->text, format, args);
    va_end(args);
    return rc;
}

int sqlite_conn_error(struct sqlite_conn *c, int rc)
{
    struct sqlite_query *q = c->query;
    int code = sqlite_code(rc, sqlite3_system_errno(c->handle));
    if (code >= 0)
        return code;
    if (c->refusal)
        code = -EINVAL;
    const char *why = c->refusal ? c->refusal : sqlite3_errmsg(c->handle);
    c->refusal = NULL;
    if (code == -EINVAL && q->call)
        return sqlite_fail(q, code, "%s (in: %.200s)", why, q->call->sql);
    return sqlite_fail(q, code, "%s", why);
}
