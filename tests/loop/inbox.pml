/*
 * The inbox (src/loop/inbox.c) as a model: POSTERS threads post POSTS times
 * each to a loop that sleeps whenever it finds nothing to do, and that ends
 * after it has been told to. Every interleaving of the sequentially consistent
 * steps is tried. What must hold:
 *
 *   - a post that was accepted is run, exactly once;
 *   - posts of one thread are run in their order;
 *   - the loop never sleeps for ever while a post waits (a lost wake-up: the
 *     model would end in an invalid state);
 *   - nobody touches the loop once it is gone.
 *
 * script/check-model also builds it with one of the BREAK_... below, which
 * swap two steps: then spin must find the fault, or the model shows nothing.
 */
#ifndef POSTERS
#define POSTERS 2
#endif
#ifndef POSTS
#define POSTS 2
#endif
#define ALL    (POSTERS * POSTS)

/* The inbox: who is in it, oldest first (the code reverses a list). */
chan inbox = [ALL] of { byte, byte }; /* thread, number of its post */
bool asleep;
byte posting;
bool refuses;
byte event; /* the eventfd's counter */

/* What is known from outside. */
bool gone;         /* the loop's memory is freed */
byte done[POSTERS]; /* posts that were run */
byte accepted[POSTERS];

#define TOUCH assert(!gone)

inline push(me, number)
{
    atomic { TOUCH; inbox ! me, number }
}

inline wake()
{
    atomic { TOUCH; was = asleep }
    if
    :: was ->
        /* an exchange: one of many pays */
        atomic { TOUCH; was = asleep; asleep = false }
        if
        :: was -> atomic { TOUCH; event++ }
        :: else
        fi
    :: else
    fi
}

proctype poster(byte me)
{
    byte i = 0;
    bool was;
    do
    :: i < POSTS ->
        /* The caller holds a handle, so the memory of the counter and of the
         * flag stands; the rest of the loop may be gone. */
#ifdef BREAK_COUNT
        was = refuses;
        posting++;
#else
        posting++;
        was = refuses;
#endif
        if
        :: was -> posting--; break
        :: else
        fi;
        accepted[me]++;
#ifdef BREAK_WAKE
        wake();
        push(me, i);
#else
        push(me, i);
        wake();
#endif
        posting--;
        i++
    :: else -> break
    od
}

inline run_posts()
{
    /* What is there now; what comes meanwhile waits for the next turn. */
    atomic {
        n = len(inbox);
        do
        :: n > 0 ->
            inbox ? who, number;
            assert(number == done[who]);
            done[who]++;
            n--
        :: else -> break
        od
    }
}

proctype loop()
{
    byte n, who, number;
    bool nothing, told = false;

    do
    :: run_posts();
#ifdef BREAK_SLEEP
        nothing = len(inbox) == 0;
        asleep = true;
#else
        asleep = true;
        nothing = len(inbox) == 0;
#endif
        if
        :: nothing ->
            /* poll: until the eventfd is readable, or a timer of the loop
             * makes it end */
            if
            :: atomic { event > 0 -> event = 0 }
            :: told = true
            fi
        :: else ->
            if
            :: atomic { event > 0 -> event = 0 }
            :: else
            fi
        fi;
        asleep = false;
        if
        :: told -> break
        :: else
        fi
    od;

    refuses = true;
    posting == 0; /* spins */
    run_posts();
    gone = true
}

/* A loop that is never told to end: it must have run everything, however
 * long it sleeps. */
proctype sleeper()
{
    byte n, who, number;
    bool nothing;
end:
    do
    :: run_posts();
#ifdef BREAK_SLEEP
        nothing = len(inbox) == 0;
        asleep = true;
#else
        asleep = true;
        nothing = len(inbox) == 0;
#endif
        if
        :: nothing ->
end_asleep:
            atomic { event > 0 -> event = 0 }
        :: else ->
            if
            :: atomic { event > 0 -> event = 0 }
            :: else
            fi
        fi;
        asleep = false
    od
}

#define IS_RUN(i) (done[i] == accepted[i])

init {
    byte i;
    atomic {
#ifdef SLEEPER
        run sleeper();
#else
        run loop();
#endif
        for (i : 0 .. POSTERS - 1) {
            run poster(i)
        }
    }
    /* Only when nothing else can move: the end of everything. */
    timeout;
    for (i : 0 .. POSTERS - 1) {
        assert(IS_RUN(i))
    }
}
