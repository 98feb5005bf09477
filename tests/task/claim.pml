/*
 * A wait that several threads may end (struct claim, src/task/wait.c) as a
 * model: a task waits ROUNDS times on all of OBJECTS shared objects, each with
 * a lock and a queue, as a select over channels does. SENDERS threads hand an
 * item to an object each, and the task's own thread may cancel each wait. What
 * must hold:
 *
 *   - a wait is ended by exactly one of them;
 *   - no item is lost, and none arrives twice;
 *   - nobody touches the claim, which lives on the task's stack, once the task
 *     has gone on;
 *   - a task whose wait was taken goes on (else the model would end in an
 *     invalid state).
 *
 * The post by which a delivery travels has a model of its own
 * (tests/loop/inbox.pml).
 */
#ifndef OBJECTS
#define OBJECTS 2
#endif
#ifndef SENDERS
#define SENDERS 3
#endif
#ifndef ROUNDS
#define ROUNDS 2
#endif
#define NOBODY 255

mtype = { OPEN, WON, TAKEN };

/* The claim of this round. */
byte round;
bool gone = true;
mtype word;
byte winner = NOBODY;
bool posted;

/* The objects. */
bool locked[OBJECTS];
bool queued[OBJECTS]; /* the task's clause */
byte items[OBJECTS];

byte received;
byte sent;

/* By somebody who found a clause in round `mine`. */
#define TOUCH assert(!gone && round == mine)

inline lock(o)
{
    atomic { !locked[o] -> locked[o] = true }
}

inline unlock(o)
{
    locked[o] = false
}

/* The compare-and-exchange of clause_take. */
inline take()
{
#ifdef BREAK_CLAIM
    TOUCH;
    won = (word == OPEN);
    TOUCH;
    if
    :: won -> word = TAKEN
    :: else
    fi
#else
    atomic {
        TOUCH;
        won = (word == OPEN);
        if
        :: won -> word = TAKEN
        :: else
        fi
    }
#endif
}

/* clause_deliver, without the lock; the last touch is the post. */
inline deliver()
{
#ifdef BREAK_DELIVER
    atomic { TOUCH; posted = true };
    atomic { TOUCH; winner = to }
#else
    atomic { TOUCH; winner = to };
    atomic { TOUCH; posted = true }
#endif
}

active [SENDERS] proctype sender()
{
    byte to, mine;
    bool won = false;

    select(to : 0 .. (OBJECTS - 1));
    lock(to);
    if
    :: queued[to] ->
        queued[to] = false;
        mine = round;
#ifdef BREAK_LOCK
        unlock(to);
        take();
        lock(to);
#else
        take();
#endif
    :: else
    fi;
    if
    :: !won -> items[to]++
    :: else
    fi;
    unlock(to);
    if
    :: won -> deliver()
    :: else
    fi;
    sent++
}

/* The others leave their queues. */
inline decide()
{
    o = 0;
    do
    :: o < OBJECTS ->
#ifndef BREAK_WITHDRAW
        if
        :: o != winner ->
            lock(o);
            queued[o] = false;
            unlock(o)
        :: else
        fi;
#endif
        o++
    :: else -> break
    od
}

/* Parks; returns when one of its clauses or a cancellation has won. */
inline wait()
{
    if
    :: atomic { posted -> posted = false };
        assert(word == TAKEN && winner != NOBODY);
        decide();
        received++
    :: true -> /* cancelled */
        atomic {
            if
            :: word == OPEN -> word = WON
            :: else
            fi
        };
        if
        :: word == WON ->
            assert(winner == NOBODY);
            decide()
        :: else ->
            /* what was taken will be delivered */
            atomic { posted -> posted = false };
            assert(winner != NOBODY);
            decide();
            received++
        fi
    fi
}

active proctype task()
{
    byte o, from;

    do
    :: round < ROUNDS ->
        o = 0;
        do
        :: o < OBJECTS -> lock(o); o++
        :: else -> break
        od;
        from = NOBODY;
        if
        :: items[0] > 0 -> from = 0
        :: items[OBJECTS - 1] > 0 -> from = OBJECTS - 1
        :: else
        fi;
        round++;
        if
        :: from != NOBODY -> items[from]--; received++
        :: else ->
            atomic { word = OPEN; winner = NOBODY; gone = false };
            o = 0;
            do
            :: o < OBJECTS -> queued[o] = true; o++
            :: else -> break
            od
        fi;
        o = 0;
        do
        :: o < OBJECTS -> unlock(o); o++
        :: else -> break
        od;
        if
        :: from == NOBODY -> wait(); gone = true
        :: else
        fi
    :: else -> break
    od;
    (sent == SENDERS);
    assert(!posted && received + items[0] + items[OBJECTS - 1] == SENDERS)
}
