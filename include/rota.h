/*
 * rota: coroutines, tasks and I/O for C. This header gathers the runtime; the
 * web framework is rota/web.h.
 */
#ifndef ROTA_H
#define ROTA_H

#include "rota/arena.h"
#include "rota/barrier.h"
#include "rota/chan.h"
#include "rota/cond.h"
#include "rota/context.h"
#include "rota/debug.h"
#include "rota/error.h"
#include "rota/event.h"
#include "rota/fd.h"
#include "rota/file.h"
#include "rota/future.h"
#include "rota/gather.h"
#include "rota/group.h"
#include "rota/limiter.h"
#include "rota/lock.h"
#include "rota/log.h"
#include "rota/loop.h"
#include "rota/net.h"
#include "rota/once.h"
#include "rota/process.h"
#include "rota/queue.h"
#include "rota/run.h"
#include "rota/rwlock.h"
#include "rota/scope.h"
#include "rota/select.h"
#include "rota/semaphore.h"
#include "rota/shared.h"
#include "rota/server.h"
#include "rota/signal.h"
#include "rota/sim.h"
#include "rota/str.h"
#include "rota/stream.h"
#include "rota/task.h"
#include "rota/thread.h"
#include "rota/time.h"
#include "rota/timer.h"
#include "rota/token.h"
#include "rota/wait.h"
#include "rota/wait_group.h"

#endif
