// peer.go: the workloads of bench/run in Go: goroutines, WaitGroup, context.
//
//	peer-go WORKLOAD SECONDS N
//
// Prints one line "METRIC VALUE" for each thing measured. Exit code 77: no such workload.
package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// batch does some operations and tells how long and how many.
type batch func() (time.Duration, int)

// measure warms up, repeats the batch until the time is spent, and prints the mean.
func measure(seconds float64, run batch) {
	wanted := time.Duration(seconds * 1e9)
	var total time.Duration
	for {
		elapsed, _ := run()
		total += elapsed
		if total >= wanted/5 {
			break
		}
	}
	total = 0
	done := 0
	for {
		elapsed, ops := run()
		total += elapsed
		done += ops
		if total >= wanted {
			break
		}
	}
	fmt.Printf("ns %.3f\n", float64(total.Nanoseconds())/float64(done))
}

// whole times all of f, which does ops operations.
func whole(ops int, f func()) batch {
	return func() (time.Duration, int) {
		start := time.Now()
		f()
		return time.Since(start), ops
	}
}

//go:noinline
func empty() {}

func spawn(count int) {
	var group sync.WaitGroup
	group.Add(count)
	for i := 0; i < count; i++ {
		go func() {
			defer group.Done()
			empty()
		}()
	}
	group.Wait()
}

// each runs f count times in each of `tasks` goroutines.
func each(tasks, count int, f func()) {
	var group sync.WaitGroup
	group.Add(tasks)
	for i := 0; i < tasks; i++ {
		go func() {
			defer group.Done()
			for j := 0; j < count; j++ {
				f()
			}
		}()
	}
	group.Wait()
}

func pingPong(count int) {
	there, back := make(chan int), make(chan int)
	go func() {
		for value := range there {
			back <- value
		}
	}()
	for i := 0; i < count; i++ {
		there <- i
		<-back
	}
	close(there)
}

func pass(count, capacity int) {
	values := make(chan int, capacity)
	go func() {
		for i := 0; i < count; i++ {
			values <- i
		}
		close(values)
	}()
	for range values {
	}
}

func select8(count int) {
	var c [8]chan int
	for i := range c {
		c[i] = make(chan int)
	}
	go func() {
		for i := 0; i < count; i++ {
			c[i%8] <- i
		}
	}()
	for i := 0; i < count; i++ {
		select {
		case <-c[0]:
		case <-c[1]:
		case <-c[2]:
		case <-c[3]:
		case <-c[4]:
		case <-c[5]:
		case <-c[6]:
		case <-c[7]:
		}
	}
}

// onThread runs f in a goroutine that keeps an OS thread for itself, which ends with it.
func onThread(f func()) {
	go func() {
		runtime.LockOSThread()
		f()
	}()
}

func threadTrips(count int) {
	there, back := make(chan int), make(chan int)
	onThread(func() {
		for value := range there {
			back <- value
		}
	})
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for i := 0; i < count; i++ {
		there <- i
		<-back
	}
	close(there)
}

// threadSendLarge passes messages of 64 KB: copies, as between threads that share nothing.
func threadSendLarge(count int) {
	values := make(chan []byte, 64)
	original := make([]byte, 65536)
	onThread(func() {
		for i := 0; i < count; i++ {
			values <- append([]byte(nil), original...)
		}
		close(values)
	})
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for range values {
	}
}

func threadSend(count int) {
	values := make(chan int, 64)
	onThread(func() {
		for i := 0; i < count; i++ {
			values <- i
		}
		close(values)
	})
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for range values {
	}
}

func threads(count int) {
	ended := make(chan bool)
	for i := 0; i < count; i++ {
		onThread(func() { ended <- true })
		<-ended
	}
}

func contend(tasks, count int) {
	var lock sync.Mutex
	each(tasks, count, func() {
		lock.Lock()
		runtime.Gosched()
		lock.Unlock()
	})
}

func timeouts(count int) {
	for i := 0; i < count; i++ {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		work(ctx)
		cancel()
	}
}

//go:noinline
func work(context.Context) {}

func cancelAll(count int) (time.Duration, int) {
	var blocked, ended sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	blocked.Add(count)
	ended.Add(count)
	for i := 0; i < count; i++ {
		go func() {
			defer ended.Done()
			blocked.Done()
			<-ctx.Done()
		}()
	}
	blocked.Wait()
	runtime.Gosched()
	start := time.Now()
	cancel()
	ended.Wait()
	return time.Since(start), count
}

func residentKB() float64 {
	file, err := os.Open("/proc/self/status")
	if err != nil {
		return 0
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if fields := strings.Fields(lines.Text()); len(fields) > 1 && fields[0] == "VmRSS:" {
			kb, _ := strconv.ParseFloat(fields[1], 64)
			return kb
		}
	}
	return 0
}

func cpuSeconds() float64 {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds()
}

func sleepers(seconds float64, count int) {
	var asleep, woken int64
	var group sync.WaitGroup
	kb, cpu := residentKB(), cpuSeconds()
	group.Add(count)
	for i := 0; i < count; i++ {
		pause := seconds * (1 + 0.5*float64(i*7919%count)/float64(count))
		go func() {
			defer group.Done()
			atomic.AddInt64(&asleep, 1)
			time.Sleep(time.Duration(pause * 1e9))
			atomic.AddInt64(&woken, 1)
		}()
	}
	for atomic.LoadInt64(&asleep) < int64(count) {
		runtime.Gosched()
	}
	kb = residentKB() - kb
	if atomic.LoadInt64(&woken) > 0 {
		fmt.Fprintln(os.Stderr, "some woke before all slept")
		os.Exit(1)
	}
	group.Wait()
	cpu = cpuSeconds() - cpu
	fmt.Printf("us %.4f\nkb %.4f\n", cpu*1e6/float64(count), kb/float64(count))
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func serve(handle func(net.Conn)) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fail(err)
	}
	fmt.Println("port", listener.Addr().(*net.TCPAddr).Port)
	for {
		conn, err := listener.Accept()
		if err != nil {
			fail(err)
		}
		go func() {
			defer conn.Close()
			handle(conn)
		}()
	}
}

func echo(conn net.Conn) {
	buffer := make([]byte, 4096)
	for {
		count, err := conn.Read(buffer)
		if err != nil {
			return
		}
		if _, err := conn.Write(buffer[:count]); err != nil {
			return
		}
	}
}

func sendOn(conn net.Conn) {
	block := make([]byte, 65536)
	for {
		if _, err := conn.Write(block); err != nil {
			return
		}
	}
}

func receive(conn net.Conn) {
	buffer := make([]byte, 65536)
	for {
		if _, err := conn.Read(buffer); err != nil {
			return
		}
	}
}

func readFile() int64 {
	file, err := os.Open(os.Getenv("BENCH_FILE"))
	if err != nil {
		fail(err)
	}
	defer file.Close()
	buffer := make([]byte, 65536)
	total := int64(0)
	for {
		count, err := file.Read(buffer)
		if err == io.EOF {
			return total
		}
		if err != nil {
			fail(err)
		}
		total += int64(count)
	}
}

func readFiles(seconds float64) {
	readFile()
	start := time.Now()
	done := int64(0)
	for time.Since(start).Seconds() < seconds {
		done += readFile()
	}
	fmt.Printf("rate %.4f\n", float64(done)/time.Since(start).Seconds()/1e9)
}

func main() {
	seconds, _ := strconv.ParseFloat(os.Args[2], 64)
	count, _ := strconv.Atoi(os.Args[3])
	switch os.Args[1] {
	case "waves":
		measure(seconds, whole(1000, func() { spawn(1000) }))
	case "burst":
		measure(seconds, whole(count, func() { spawn(count) }))
	case "switch-1":
		measure(seconds, whole(20000, func() { each(1, 20000, runtime.Gosched) }))
	case "switch-1000":
		measure(seconds, whole(200000, func() { each(1000, 200, runtime.Gosched) }))
	case "sleep-0": // Sleep(0) returns at once; one nanosecond is the shortest that waits
		measure(seconds, whole(100000, func() { each(1000, 100, func() { time.Sleep(1) }) }))
	case "ping-pong":
		measure(seconds, whole(20000, func() { pingPong(20000) }))
	case "channel-64":
		measure(seconds, whole(20000, func() { pass(20000, 64) }))
	case "receive":
		measure(seconds, whole(20000, func() { pass(20000, 0) }))
	case "select-8":
		measure(seconds, whole(20000, func() { select8(20000) }))
	case "lock":
		measure(seconds, whole(20000, func() { contend(8, 2500) }))
	case "timeout":
		measure(seconds, whole(10000, func() { timeouts(10000) }))
	case "cancel":
		measure(seconds, func() (time.Duration, int) { return cancelAll(count) })
	case "thread-trip":
		measure(seconds, whole(1000, func() { threadTrips(1000) }))
	case "thread-send":
		measure(seconds, whole(20000, func() { threadSend(20000) }))
	case "thread-send-64k":
		measure(seconds, whole(2000, func() { threadSendLarge(2000) }))
	case "thread":
		measure(seconds, whole(100, func() { threads(100) }))
	case "sleepers":
		sleepers(seconds, count)
	case "serve-echo":
		serve(echo)
	case "serve-send":
		serve(sendOn)
	case "serve-receive":
		serve(receive)
	case "file":
		readFiles(seconds)
	case "startup":
	default:
		os.Exit(77)
	}
}
