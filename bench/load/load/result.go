package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// counters are shared by all connections; the plain ones count what happened inside the measured window.
type counters struct {
	inWindow atomic.Bool
	// chunks count only while this holds as well: an open loop's streams all end soon after its last arrival, and the storm of their ends
	// is no part of the load that was asked for.
	chunksCount atomic.Bool

	requests, chunks, aborted, slow, unanswered atomic.Int64
	latency, ttft, delay, gap                   histogram
	// silence is what passed between the last good event of a stream and its error event, whatever the window.
	silence histogram
	// pause is how late this program's own timer of a millisecond was: what stands still here, no server has delayed.
	pause histogram

	mutex  sync.Mutex
	errors map[string]int
	sample []string
	faults int64
}

// result is the last line the load generator prints.
type result struct {
	Seconds    float64        `json:"seconds"`
	Requests   int64          `json:"requests"`
	PerSecond  float64        `json:"requestsPerSecond"`
	Chunks     int64          `json:"chunks"`
	Errors     int64          `json:"errors"`
	ErrorKinds map[string]int `json:"errorKinds"`
	Samples    []string       `json:"errorSamples"`
	Aborted    int64          `json:"aborted"`
	Slow       int64          `json:"slow"`
	Unanswered int64          `json:"unanswered"`
	Latency    quantiles      `json:"latencyMs"`
	TTFT       quantiles      `json:"ttftMs"`
	Delay      quantiles      `json:"chunkDelayMs"`
	Gap        quantiles      `json:"interTokenMs"`
	Silence    quantiles      `json:"silenceMs"`
	Pause      quantiles      `json:"pauseMs"`
}

func (s *counters) result(window time.Duration) result {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	r := result{
		Seconds: window.Seconds(), Requests: s.requests.Load(), Chunks: s.chunks.Load(), Aborted: s.aborted.Load(),
		Slow: s.slow.Load(), Unanswered: s.unanswered.Load(), Errors: s.faults, ErrorKinds: s.errors, Samples: s.sample,
		Latency: s.latency.quantiles(), TTFT: s.ttft.quantiles(), Delay: s.delay.quantiles(),
		Gap: s.gap.quantiles(), Silence: s.silence.quantiles(), Pause: s.pause.quantiles(),
	}
	r.PerSecond = float64(r.Requests) / r.Seconds
	return r
}

// watchPauses notes until end how late a timer comes. Each pause counts once for every millisecond of it, so that the quantiles are of time.
func (s *counters) watchPauses(end time.Time) {
	const tick = time.Millisecond
	for due := time.Now().Add(tick); due.Before(end); due = due.Add(tick) {
		time.Sleep(time.Until(due))
		s.pause.add(max(0, time.Since(due)))
	}
}

// failure is one way a response was not what was asked for.
type failure struct {
	kind   string
	detail string
}

func (f failure) Error() string { return f.kind + ": " + f.detail }

// fail counts an error, at whatever time of the run it happens.
func (s *counters) fail(err error) {
	kind := kindOf(err)
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.faults++
	s.errors[kind]++
	if kind == "timeout" {
		s.unanswered.Add(1)
	}
	if len(s.sample) < 5 && s.errors[kind] < 3 {
		s.sample = append(s.sample, truncate(err.Error(), 300))
	}
}

func kindOf(err error) string {
	var f failure
	var op *net.OpError
	switch {
	case errors.As(err, &f):
		return f.kind
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "timeout"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "reset"
	case errors.As(err, &op) && op.Op == "dial":
		return "connect"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "closed"
	case errors.Is(err, errFrame):
		return "framing"
	}
	return "other"
}

func truncate(text string, length int) string {
	if len(text) > length {
		return fmt.Sprintf("%s… (%d bytes)", text[:length], len(text))
	}
	return text
}
