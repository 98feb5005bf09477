/*
 * An event: a flag that tasks can wait for. Setting it lets all go on who
 * wait, in the order they came; it stays set until it is cleared.
 *
 * An event belongs to one thread, unless it is made with ROTA_SHARED: then
 * tasks of any loop may wait, and any thread may set and clear it.
 */
#ifndef ROTA_EVENT_H
#define ROTA_EVENT_H

#include <stdbool.h>
#include <stddef.h>

#include "rota/export.h"
#include "rota/shared.h"

/* Lives where the caller puts it. Zeroed memory is a clear event of whatever
 * thread uses it first. */
typedef struct rota_event {
    void *private_[6];
} rota_event;

#define ROTA_EVENT_INIT \
    {                   \
        {               \
            0           \
        }               \
    }

/*
 * Makes a clear event in place. Flags: 0, or ROTA_SHARED (enum
 * rota_shared_flags). 0, or -ENOMEM, which only a shared one can meet.
 * Suspends: no.
 */
ROTA_API int rota_event_init(rota_event *e, unsigned flags) ROTA_MUST;

/*
 * Ends it: nobody may wait for it, or use it any more. 0; -EBUSY: tasks wait.
 * A shared event is ended by the thread that made it. Suspends: no.
 */
ROTA_API int rota_event_fini(rota_event *e);

/*
 * Sets it: all who wait now return 0, even if it is cleared before they run.
 * Setting a set event does nothing. Clear: whoever waits from now on, waits.
 * Pulse: as set and clear in one. Suspends: no.
 */
ROTA_API void rota_event_set(rota_event *e);
ROTA_API void rota_event_clear(rota_event *e);
ROTA_API void rota_event_pulse(rota_event *e);

/*
 * Sets a shared event from a signal handler. It takes effect in the next turn
 * of the loop it was made on, which the event holds a handle of (rota/loop.h).
 * 0; -EPERM: it is not shared, or was made where no loop ran; -ESHUTDOWN: that
 * loop ends, or has. Async-signal-safe; keeps errno. Suspends: no.
 */
ROTA_API int rota_event_set_signal(rota_event *e);

/* Is it set? How many tasks wait for it: counts them. Suspends: no. */
ROTA_API bool rota_event_is_set(rota_event *e);
ROTA_API size_t rota_event_waiters(rota_event *e);

/*
 * Waits until the event is set; at once when it is. 0, or -ECANCELED.
 * Suspends: yes. Cancel: nothing is lost.
 */
ROTA_API int rota_event_wait(rota_event *e) ROTA_MUST;

#endif
