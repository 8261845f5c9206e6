// Command load puts one kind of load on an OpenAI-compatible server in front of the engines of this module, checks
// every byte of every response, and prints what it saw as JSON lines: {"event":"start"} and {"event":"end"} when the
// measured window begins and ends, {"event":"result",…} last.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
)

type options struct {
	targets                        []string
	conns, streams, rate, chunks   int
	arrivals                       float64
	streamed                       bool
	warmup, seconds, ramp, connect time.Duration
}

func main() {
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(400)
	o := options{}
	targets := flag.String("targets", "", "host:port, or several with commas between: connections take turns")
	body := flag.Int("body", 2048, "bytes of a request body, about")
	flag.IntVar(&o.conns, "conns", 0, "plain requests, closed loop: this many connections, each with one request at a time")
	flag.IntVar(&o.streams, "streams", 0, "streams: this many open at a time")
	flag.Float64Var(&o.arrivals, "arrivals", 0, "plain requests, open loop: this many begin each second")
	flag.BoolVar(&o.streamed, "streamed", false, "the requests of -arrivals are streams")
	flag.IntVar(&o.rate, "rate", 50, "chunks per second of each stream")
	flag.IntVar(&o.chunks, "chunks", 200, "chunks of each stream")
	flag.DurationVar(&o.warmup, "warmup", time.Second, "load before the measured window")
	flag.DurationVar(&o.seconds, "window", 5*time.Second, "measured window")
	flag.DurationVar(&o.ramp, "ramp", time.Second, "time over which the streams are opened, before the warm-up")
	flag.DurationVar(&o.connect, "connect-timeout", 5*time.Second, "limit for opening a connection")
	timeout := flag.Duration("timeout", 30*time.Second, "limit for a request; a stream gets its own length on top")
	slow := flag.Duration("slow", 3*time.Second, "requests that take longer are counted as slow")
	aborts := flag.Float64("abort-share", 0, "share of requests whose client leaves before the end")
	rewrites := flag.Bool("rewrites", false, "the target is known to rewrite request bodies: do not compare them")
	flag.Parse()
	o.targets = strings.Split(*targets, ",")
	kinds := 0
	for _, on := range []bool{o.conns > 0, o.streams > 0, o.arrivals > 0} {
		if on {
			kinds++
		}
	}
	if *targets == "" || kinds != 1 {
		fmt.Fprintln(os.Stderr, "usage: load -targets host:port and one of -conns, -streams, -arrivals; see load -h")
		os.Exit(64)
	}
	j := newJob(o.targets[0], *body)
	j.timeout, j.slow, j.aborts = *timeout, *slow, *aborts
	j.rewrites = *rewrites
	run(o, j)
}

func say(event string, more *result) {
	line, _ := json.Marshal(struct {
		Event string `json:"event"`
		*result
	}{event, more})
	fmt.Println(string(line))
}

// run puts the load on, opens and closes the measured window, and waits for what is still under way.
func run(o options, j *job) {
	begin := time.Now()
	warm := o.warmup
	if o.streams > 0 {
		warm += o.ramp
	}
	end := begin.Add(warm + o.seconds)
	finished := make(chan struct{})
	go func() {
		switch {
		case o.conns > 0:
			closedLoop(o, j, end)
		case o.streams > 0:
			openStreams(o, j, begin, end)
		default:
			openLoop(o, j, begin, end)
		}
		close(finished)
	}()
	time.Sleep(warm)
	j.inWindow.Store(true)
	j.chunksCount.Store(true)
	go j.watchPauses(end)
	opened := time.Now()
	say("start", nil)
	time.Sleep(time.Until(end))
	j.chunksCount.Store(false)
	// Open-loop requests count by their arrival, so their window stays open until the last one is answered.
	if o.arrivals == 0 {
		j.inWindow.Store(false)
	}
	window := time.Since(opened)
	say("end", nil)
	<-finished
	r := j.result(window)
	say("result", &r)
}
