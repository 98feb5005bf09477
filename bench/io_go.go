// bench/io in Go's words, on one processor: a goroutine for each connection.
package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
)

const buffer = 65536
const atOnce = 16
const mib = 1 << 20

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "io_go:", err)
		os.Exit(1)
	}
}

func cpu() float64 {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return float64(u.Utime.Nano() + u.Stime.Nano())
}

func told(from float64, count float64) {
	fmt.Printf("cpu=%.1f\n", (cpu()-from)/count)
}

func echo(c net.Conn) {
	defer c.Close()
	data := make([]byte, 32768)
	for {
		n, err := c.Read(data)
		if n > 0 {
			if _, err := c.Write(data[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func serve(l net.Listener) {
	for {
		c, err := l.Accept()
		must(err)
		go echo(c)
	}
}

func udp(at string) {
	address, err := net.ResolveUDPAddr("udp4", at)
	must(err)
	c, err := net.ListenUDP("udp4", address)
	must(err)
	data := make([]byte, 2048)
	for {
		n, from, err := c.ReadFromUDPAddrPort(data)
		must(err)
		c.WriteToUDPAddrPort(data[:n], from)
	}
}

func small(directory string, count int) {
	var all sync.WaitGroup
	var next int64 = -1
	from := cpu()
	for i := 0; i < atOnce; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			data := make([]byte, 4096)
			for {
				i := atomic.AddInt64(&next, 1)
				if i >= int64(count) {
					return
				}
				f, err := os.Open(filepath.Join(directory, strconv.FormatInt(i, 10)))
				must(err)
				n, err := f.ReadAt(data, 0)
				must(err)
				if n != 4096 {
					must(fmt.Errorf("%d bytes", n))
				}
				must(f.Close())
			}
		}()
	}
	all.Wait()
	told(from, float64(count))
}

func large(path string) {
	f, err := os.Open(path)
	must(err)
	data := make([]byte, buffer)
	total := 0
	from := cpu()
	for {
		n, err := f.Read(data)
		total += n
		if err == io.EOF {
			break
		}
		must(err)
	}
	told(from, float64(total)/mib)
}

func main() {
	runtime.GOMAXPROCS(1)
	if len(os.Args) < 3 {
		os.Exit(2)
	}
	at := "127.0.0.1:" + os.Args[2]
	switch os.Args[1] {
	case "tcp":
		l, err := net.Listen("tcp4", at)
		must(err)
		serve(l)
	case "tls":
		pair, err := tls.LoadX509KeyPair(os.Args[3], os.Args[4])
		must(err)
		l, err := tls.Listen("tcp4", at, &tls.Config{
			Certificates: []tls.Certificate{pair}})
		must(err)
		serve(l)
	case "udp":
		udp(at)
	case "small":
		count, err := strconv.Atoi(os.Args[3])
		must(err)
		small(os.Args[2], count)
	case "large":
		large(os.Args[2])
	}
}
