/*
 * The end of several loops in step (src/task/crew.c) as a model: LOOPS loops,
 * of which the first has TASKS tasks at the begin. A task, at any moment before
 * it ends, may place a new one on any other loop, as long as PLACED are left.
 * What must hold: no loop goes on while a task is left anywhere or on its way,
 * and all go on in the end.
 *
 * Here a loop that sleeps waits for its inbox, whose own protocol has a model
 * of its own (tests/loop/inbox.pml).
 */
#ifndef LOOPS
#define LOOPS 3
#endif
#ifndef TASKS
#define TASKS 1
#endif
#ifndef PLACED
#define PLACED 3
#endif

byte tasks[LOOPS];  /* that run there; the loop's own business */
byte coming[LOOPS]; /* counted, and not yet arrived */
byte inbox[LOOPS];  /* of these: posted */
bool nudged[LOOPS];
bool idle[LOOPS]; /* its word that it has nothing to do */
byte placed;      /* ever */
byte left = PLACED;
bool quiet; /* the round is over */

/* Tasks anywhere, known to nobody but the model. */
byte alive = TASKS;

/* A task of this loop places one on another. */
inline place()
{
    if
    :: to = (me + 1) % LOOPS
    :: to = (me + LOOPS - 1) % LOOPS
    fi;
    atomic { left > 0 -> left--; alive++ }
#ifdef BREAK_COMING
    placed++;
    inbox[to]++;
    coming[to]++;
#else
    coming[to]++;
    placed++;
    inbox[to]++;
#endif
}

/* The posts of this loop. */
inline arrivals()
{
    do
    :: atomic { inbox[me] > 0 -> inbox[me]-- };
        tasks[me]++;
#ifdef BREAK_ARRIVAL
        coming[me]--;
        idle[me] = false
#else
        idle[me] = false;
        coming[me]--
#endif
    :: else -> break
    od;
    nudged[me] = false
}

/* Is nothing left anywhere, as far as can be seen from here? */
inline look()
{
    before = placed;
    all = true;
    i = 0;
    do
    :: i < LOOPS && all ->
#ifdef BREAK_ORDER
        all = idle[i];
        all = all && coming[i] == 0;
#else
        all = coming[i] == 0;
        if
        :: all -> all = idle[i]
        :: else
        fi;
#endif
        i++
    :: else -> break
    od;
#ifndef BREAK_COUNT
    all = all && placed == before;
#endif
}

active [LOOPS] proctype loop()
{
    byte me = _pid, to, i, before;
    bool all;

    tasks[me] = (me == 0 -> TASKS : 0);
    do
    :: quiet && tasks[me] == 0 -> break
    :: else ->
        arrivals();
        if
        :: tasks[me] > 0 ->
            idle[me] = false;
            if
            :: left > 0 ->
                if
                :: place()
                :: skip
                fi
            :: else
            fi;
            atomic { tasks[me]--; alive-- }
        :: else ->
            idle[me] = true;
            look();
            if
            :: all ->
                assert(alive == 0);
                quiet = true;
                i = 0;
                do
                :: i < LOOPS -> nudged[i] = true; i++
                :: else -> break
                od
            :: else ->
                /* sleeps until a post comes */
                (inbox[me] > 0 || nudged[me])
            fi
        fi
    od;
    assert(alive == 0 && inbox[me] == 0)
}
