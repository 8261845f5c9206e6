package main

import (
	"bytes"
	"fmt"
	"io"
	"math/rand"
	"strconv"
	"sync/atomic"
	"time"

	"vllm-router/bench/load/wire"
)

// job is what every request of a run has in common.
type job struct {
	host    string
	prompt  []byte // the request body up to its tail
	sum     uint32 // checksum of prompt
	timeout time.Duration
	slow    time.Duration
	aborts  float64
	// rewrites says that the proxy under test does not forward request bodies as they came; then the answer must be right
	// for the body that the engine got, whatever it was.
	rewrites bool
	seed     atomic.Uint64
	counters
}

func newJob(host string, bodySize int) *job {
	j := &job{host: host, prompt: wire.AppendPrompt(nil, bodySize)}
	j.sum = wire.Checksum(0, j.prompt)
	j.seed.Store(wire.FirstSeed)
	j.errors = map[string]int{}
	return j
}

// send writes one request and returns the checksum and the length of its body.
func (j *job) send(p *conn, ask wire.Ask, deadline time.Time) (uint32, int, error) {
	var room [256]byte
	tail := wire.AppendTail(room[:0], ask)
	length := len(j.prompt) + len(tail)
	p.out = append(p.out[:0], "POST /v1/chat/completions HTTP/1.1\r\nhost: "...)
	p.out = append(p.out, j.host...)
	p.out = append(p.out, "\r\nuser-agent: OpenAI/Python 3.54.0\r\naccept: application/json\r\n"+
		"authorization: Bearer sk-bench\r\ncontent-type: application/json\r\ncontent-length: "...)
	p.out = strconv.AppendInt(p.out, int64(length), 10)
	p.out = append(p.out, "\r\n\r\n"...)
	p.out = append(p.out, j.prompt...)
	p.out = append(p.out, tail...)
	p.used++
	p.c.SetDeadline(deadline)
	_, err := p.c.Write(p.out)
	return wire.Checksum(j.sum, tail), length, err
}

// plain makes one request that is answered whole, asked for at due; false means that the connection is of no further use.
func (j *job) plain(p *conn, due time.Time) bool {
	seed := j.seed.Add(1)
	leaves := j.aborts > 0 && rand.Float64() < j.aborts
	deadline := due.Add(j.timeout)
	if leaves {
		deadline = time.Now().Add(soon())
	}
	sum, length, err := j.send(p, wire.Ask{Seed: seed, Chunks: 8}, deadline)
	if err == nil {
		if err = p.readHead(); err == nil {
			err = j.checkAnswer(p, seed, sum, length)
		}
	}
	if err != nil {
		if leaves && kindOf(err) == "timeout" {
			j.aborted.Add(1)
			return false
		}
		j.fail(err)
		_, known := err.(failure)
		return known && p.ended && !p.close
	}
	j.finish(time.Since(due))
	return !p.close
}

// soon is when an impatient client leaves.
func soon() time.Duration { return time.Duration(rand.Int63n(int64(50 * time.Millisecond))) }

func (j *job) finish(took time.Duration) {
	if !j.inWindow.Load() {
		return
	}
	j.requests.Add(1)
	j.latency.add(took)
	if took > j.slow {
		j.counters.slow.Add(1)
	}
}

// checkAnswer reads the body and compares it with the one that this request must get.
func (j *job) checkAnswer(p *conn, seed uint64, sum uint32, length int) error {
	got := p.pending[:0]
	for {
		part, err := p.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		got = append(got, part...)
	}
	p.pending = got[:0]
	if p.status != 200 {
		return failure{fmt.Sprintf("status %d", p.status), string(got)}
	}
	if j.rewrites {
		sum, length = wire.BodyOf(got)
	}
	var room [1024]byte
	want := wire.AppendAnswer(room[:0], seed, sum, length)
	if !bytes.Equal(got, want) {
		return failure{"content", fmt.Sprintf("got %s, want %s", got, want)}
	}
	return nil
}

// stream makes one streamed request and checks every event; false means that the connection is of no further use.
func (j *job) stream(p *conn, chunks, rate int, due time.Time) bool {
	ask := wire.Ask{Seed: j.seed.Add(1), Stream: true, Chunks: chunks, Rate: rate}
	leaveAfter := -1
	if j.aborts > 0 && rand.Float64() < j.aborts {
		leaveAfter = 1 + rand.Intn(max(1, chunks-1))
	}
	deadline := due.Add(j.timeout)
	if rate > 0 {
		deadline = deadline.Add(time.Duration(chunks) * time.Second / time.Duration(rate))
	}
	// A third of those who leave do so soon, most of them before the first event.
	leavesSoon := leaveAfter > 0 && leaveAfter%3 == 0
	if leavesSoon {
		deadline = time.Now().Add(soon())
	}
	_, _, err := j.send(p, ask, deadline)
	if err == nil {
		if err = p.readHead(); err == nil && p.status != 200 {
			err = j.checkAnswer(p, ask.Seed, 0, 0)
		}
	}
	if err == nil {
		var left bool
		if left, err = j.events(p, ask, due, leaveAfter); left {
			j.aborted.Add(1)
			return false
		}
	}
	if err != nil {
		if leavesSoon && kindOf(err) == "timeout" {
			j.aborted.Add(1)
			return false
		}
		j.fail(err)
		return p.ended && !p.close
	}
	j.finish(time.Since(due))
	return !p.close
}

// events reads a stream to its end, or until the client leaves (true).
func (j *job) events(p *conn, ask wire.Ask, due time.Time, leaveAfter int) (bool, error) {
	var room [512]byte
	var part []byte
	var last time.Time
	for k := 0; ; k++ {
		event, err := p.nextEvent(&part)
		if err == io.EOF {
			if k != ask.Chunks+3 {
				return false, failure{"ended early", fmt.Sprintf("clean end after %d events of %d", k, ask.Chunks+3)}
			}
			return false, nil
		}
		if err != nil {
			return false, fmt.Errorf("after %d events of %d: %w", k, ask.Chunks+3, err)
		}
		wasDue := wire.DueOf(event)
		if !bytes.Equal(event, wire.AppendEvent(room[:0], ask.Seed, k, ask.Chunks, wasDue)) {
			if wire.IsError(event) {
				if k == 0 {
					return false, failure{"error as first event", string(event)}
				}
				j.silence.add(time.Since(last))
				return false, failure{"error event", string(event)}
			}
			return false, failure{"content", fmt.Sprintf("event %d of %d: %q", k, ask.Chunks, event)}
		}
		if k == 0 && j.inWindow.Load() {
			j.ttft.add(time.Since(due))
		}
		now := time.Now()
		if k >= 1 && k <= ask.Chunks && j.chunksCount.Load() {
			j.chunks.Add(1)
			j.delay.add(time.Duration(now.UnixNano() - wasDue))
			if k > 1 {
				j.gap.add(now.Sub(last))
			}
		}
		last = now
		if k == leaveAfter {
			return true, nil
		}
	}
}
