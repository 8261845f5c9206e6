// Command engine stands in for a number of vLLM engines, one a port, in one process on one core. It costs as little as
// it can: raw connections, no net/http, no JSON parser.
//
// It prints one line of JSON, {"listening":["127.0.0.1:port",…]}, and serves until it is killed.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"time"
)

func main() {
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(400)
	behaviour := behaviour{}
	engines := flag.Int("engines", 1, "number of engines, each on a port of its own")
	host := flag.String("host", "127.0.0.1", "address to listen on")
	port := flag.Int("port", 0, "port of the first engine, the others follow; 0 = the system chooses each")
	flag.DurationVar(&behaviour.latency, "latency", 0, "time a plain answer takes")
	flag.DurationVar(&behaviour.ttft, "ttft", 0, "time between the head of a stream and its first event")
	flag.DurationVar(&behaviour.keepAlive, "keep-alive", 0, "close connections idle for so long; 0 = never (vLLM: 5s)")
	flag.Float64Var(&behaviour.faults, "fault-share", 0, "share of requests that fail: status 500, closed before the head, cut")
	onTerm := flag.String("on-term", "exit", "what SIGTERM does: exit at once; hang = vLLM's default, the listener is closed and live "+
		"requests get not a byte more; drain = vLLM's --shutdown-timeout, live requests end, new ones get a 500")
	begun := flag.String("begun-file", "", "file that holds the number of open streams past their first event, readable after SIGKILL")
	flag.Parse()
	counter, err := openCounter(*begun)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}

	var addresses []string
	var all []*engine
	for i := 0; i < *engines; i++ {
		at := *port
		if at != 0 {
			at += i
		}
		listener, err := net.Listen("tcp", fmt.Sprintf("%s:%d", *host, at))
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		addresses = append(addresses, listener.Addr().String())
		e := &engine{behaviour: behaviour, listener: listener, begun: counter, open: map[*conn]bool{}}
		all = append(all, e)
		go e.accept()
	}
	if *onTerm != "exit" {
		go stopOnTerm(*onTerm, all)
	}
	line, _ := json.Marshal(map[string][]string{"listening": addresses})
	fmt.Println(string(line))
	select {}
}

// behaviour is what the flags say about every engine of the process.
type behaviour struct {
	latency, ttft, keepAlive time.Duration
	faults                   float64
}

func (e *engine) accept() {
	for {
		c, err := e.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			// Out of file descriptors: try again when some are closed.
			time.Sleep(10 * time.Millisecond)
			continue
		}
		go e.serve(&conn{c: c, buf: make([]byte, 4096)})
	}
}
