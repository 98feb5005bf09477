// The micro benchmark of Go: what bench/micro_rota.c does, in Go's words, on
// one processor. A future is a channel that is closed when it is set.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const turns = 200000
const room = 100

func now() float64 {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return float64(u.Utime.Nano() + u.Stime.Nano())
}

func told(name string, from float64, count int) {
	fmt.Printf("%s=%.4f\n", name, (now()-from)/float64(count))
}

func resident() float64 {
	data, _ := os.ReadFile("/proc/self/statm")
	pages, _ := strconv.ParseFloat(strings.Fields(string(data))[1], 64)
	return pages * float64(os.Getpagesize())
}

func yield(name string, tasks int) {
	var all sync.WaitGroup
	from := now()
	for i := 0; i < tasks; i++ {
		all.Add(1)
		go func() {
			for n := 2 * turns / tasks; n > 0; n-- {
				runtime.Gosched()
			}
			all.Done()
		}()
	}
	all.Wait()
	told(name, from, 2*turns)
}

func spawnJoin() {
	from := now()
	for i := 0; i < turns; i++ {
		var one sync.WaitGroup
		one.Add(1)
		go func() { one.Done() }()
		one.Wait()
	}
	told("spawn_join", from, turns)
}

func pingPong() {
	to, fro := make(chan int), make(chan int)
	go func() {
		for i := range to {
			fro <- i
		}
	}()
	from := now()
	for i := 0; i < turns; i++ {
		to <- i
		<-fro
	}
	told("channel", from, turns)
	close(to)
}

func queue() {
	items := make(chan int, room)
	done := make(chan bool)
	from := now()
	go func() {
		for range items {
		}
		done <- true
	}()
	for i := 0; i < turns; i++ {
		items <- i
	}
	close(items)
	<-done
	told("queue", from, turns)
}

func lock() {
	var m sync.Mutex
	var all sync.WaitGroup
	from := now()
	for i := 0; i < 2; i++ {
		all.Add(1)
		go func() {
			for n := 0; n < turns/2; n++ {
				m.Lock()
				runtime.Gosched()
				m.Unlock()
			}
			all.Done()
		}()
	}
	all.Wait()
	told("lock", from, turns)
}

func future() {
	slot := make(chan bool)
	from := now()
	go func() {
		var last chan bool
		for i := 0; i < turns; i++ {
			for slot == last {
				runtime.Gosched()
			}
			last = slot
			close(last)
		}
	}()
	for i := 0; i < turns; i++ {
		<-slot
		slot = make(chan bool)
	}
	told("future", from, turns)
}

func sleepers(count int) {
	var all sync.WaitGroup
	var until time.Time
	before, from := resident(), now()
	parked := 0
	// Before the first begins: the scheduler interrupts us after 10 ms.
	until = time.Now().Add(200*time.Millisecond +
		time.Duration(count)*10*time.Microsecond)
	for i := 0; i < count; i++ {
		all.Add(1)
		go func() {
			parked++
			time.Sleep(time.Until(until))
			all.Done()
		}()
	}
	for parked < count {
		runtime.Gosched()
	}
	told("sleep_spawn", from, count)
	fmt.Printf("sleep_bytes=%.0f\n", (resident()-before)/float64(count))
	from = now()
	if time.Now().After(until) {
		fmt.Println("late=1")
	}
	all.Wait()
	told("sleep_wake", from, count)
}

func main() {
	runtime.GOMAXPROCS(1)
	if len(os.Args) == 3 && os.Args[1] == "sleep" {
		count, _ := strconv.Atoi(os.Args[2])
		sleepers(count)
		return
	}
	yield("yield", 2)
	yield("yield100", 100)
	spawnJoin()
	pingPong()
	queue()
	lock()
	future()
}
