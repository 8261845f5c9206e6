package main

import (
	"fmt"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"vllm-router/bench/load/wire"
)

// engine is one port: its behaviour and what /metrics says about it.
type engine struct {
	behaviour
	listener                          net.Listener
	running, served, aborted, faulted atomic.Int64
	// begun counts the open streams whose first event has been written.
	begun *atomic.Int64
	// hung: not a byte more goes out; draining: what comes now is refused.
	hung, draining atomic.Bool
	mutex          sync.Mutex
	open           map[*conn]bool // whether a request is being answered on it
}

func (e *engine) serve(p *conn) {
	defer p.c.Close()
	defer e.forget(p)
	for {
		if !e.mark(p, false) {
			return
		}
		if e.keepAlive > 0 {
			p.c.SetReadDeadline(time.Now().Add(e.keepAlive))
		}
		q, err := p.readRequest()
		if err != nil {
			return
		}
		e.mark(p, true)
		if e.keepAlive > 0 {
			p.c.SetReadDeadline(time.Time{})
		}
		if !e.answer(p, q) || q.close {
			return
		}
	}
}

// answer serves one request; false means that the connection is of no further use.
func (e *engine) answer(p *conn, q request) bool {
	switch {
	case q.method == "POST" && q.path == "/v1/chat/completions":
		if e.draining.Load() {
			return p.reply(q, "500 Internal Server Error", "application/json", refusal)
		}
		e.running.Add(1)
		ok := e.generate(p, q)
		e.running.Add(-1)
		return ok
	case q.path == "/v1/models":
		return p.reply(q, "200 OK", "application/json", fmt.Sprintf(
			`{"object":"list","data":[{"id":%q,"object":"model","created":1795359695,"owned_by":"vllm","root":%q,`+
				`"parent":null,"max_model_len":131072,"permission":[]}]}`, wire.Model, wire.Model))
	case q.path == "/health":
		return p.reply(q, "200 OK", "", "")
	case q.path == "/version":
		return p.reply(q, "200 OK", "application/json", `{"version":"0.32.0"}`)
	case q.path == "/metrics":
		return p.reply(q, "200 OK", "text/plain; version=1.0.0; charset=utf-8", e.metrics())
	}
	return p.reply(q, "404 Not Found", "application/json", `{"detail":"Not Found"}`)
}

func (e *engine) metrics() string {
	label := `{engine="0",model_name="` + wire.Model + `"}`
	return fmt.Sprintf("# TYPE vllm:num_requests_running gauge\nvllm:num_requests_running%s %d\n"+
		"# TYPE vllm:num_requests_waiting gauge\nvllm:num_requests_waiting%s 0\n"+
		"# TYPE vllm:kv_cache_usage_perc gauge\nvllm:kv_cache_usage_perc%s 0.1\n"+
		"# TYPE vllm:prefix_cache_queries_total counter\nvllm:prefix_cache_queries_total%s 0\n"+
		"# TYPE vllm:prefix_cache_hits_total counter\nvllm:prefix_cache_hits_total%s 0\n"+
		"# TYPE bench_served_total counter\nbench_served_total %d\n"+
		"# TYPE bench_aborted_total counter\nbench_aborted_total %d\n"+
		"# TYPE bench_faulted_total counter\nbench_faulted_total %d\n",
		label, e.running.Load(), label, label, label, label, e.served.Load(), e.aborted.Load(), e.faulted.Load())
}

// generate answers a chat request, plain or as a stream.
func (e *engine) generate(p *conn, q request) bool {
	// The seed decides, so that one run can be repeated; a router's second attempt fails alike.
	// A request without one (is it there? is it healthy?) does not fail.
	fault := e.faults > 0 && q.ask.Seed > 0 && float64(q.ask.Seed*2654435761%10_000) < e.faults*10_000
	if fault {
		e.faulted.Add(1)
		switch q.ask.Seed % 3 {
		case 0:
			return p.reply(q, "500 Internal Server Error", "application/json",
				`{"error":{"message":"asked to fail","type":"InternalServerError","param":null,"code":500}}`)
		case 1:
			return false
		}
	}
	if q.ask.Stream {
		return e.stream(p, q, fault)
	}
	if e.latency > 0 && !p.waitUntil(time.Now().Add(e.latency)) || e.silent(p) {
		e.aborted.Add(1)
		return false
	}
	var body [1024]byte
	answer := wire.AppendAnswer(body[:0], q.ask.Seed, q.sum, q.length)
	p.head(q, "200 OK", "application/json", len(answer))
	if fault {
		answer = answer[:len(answer)/2]
	}
	p.out = append(p.out, answer...)
	if p.write() != nil || fault {
		return false
	}
	e.served.Add(1)
	return true
}

// stream sends its head at once, as vLLM does, the events when they are due, and the terminator by itself.
func (e *engine) stream(p *conn, q request, fault bool) bool {
	p.head(q, "200 OK", "text/event-stream; charset=utf-8", -1)
	if p.write() != nil {
		e.aborted.Add(1)
		return false
	}
	n := q.ask.Chunks
	due := time.Now().Add(e.ttft)
	var gap time.Duration
	if q.ask.Rate > 0 {
		gap = time.Second / time.Duration(q.ask.Rate)
	}
	for k := 1; k <= n; k++ {
		if (k > 1 && gap > 0 || k == 1 && e.ttft > 0) && !p.waitUntil(due) || e.silent(p) {
			e.aborted.Add(1)
			return false
		}
		at := due.UnixNano()
		if k == 1 {
			// vLLM sends the role together with the first token.
			p.event(q, 0, at)
		}
		p.event(q, k, at)
		if p.write() != nil {
			e.aborted.Add(1)
			return false
		}
		if k == 1 {
			e.begun.Add(1)
			defer e.begun.Add(-1)
		}
		if fault && k > n/2 {
			return false
		}
		due = due.Add(gap)
	}
	p.event(q, n+1, due.UnixNano())
	p.event(q, n+2, 0)
	if p.write() != nil {
		return false
	}
	p.out = append(p.out, "0\r\n\r\n"...)
	e.served.Add(1)
	return p.write() == nil
}

// event appends one event as one chunk of the transfer coding.
func (p *conn) event(q request, k int, due int64) {
	var room [512]byte
	event := wire.AppendEvent(room[:0], q.ask.Seed, k, q.ask.Chunks, due)
	p.out = strconv.AppendInt(p.out, int64(len(event)), 16)
	p.out = append(p.out, "\r\n"...)
	p.out = append(p.out, event...)
	p.out = append(p.out, "\r\n"...)
}

// head appends the head of an answer as uvicorn writes it; length < 0 means chunked.
func (p *conn) head(q request, status, contentType string, length int) {
	p.out = append(p.out, "HTTP/1.1 "...)
	p.out = append(p.out, status...)
	p.out = append(p.out, "\r\ndate: Sun, 22 Nov 2026 15:01:34 GMT\r\nserver: uvicorn\r\n"...)
	if length >= 0 {
		p.out = append(p.out, "content-length: "...)
		p.out = strconv.AppendInt(p.out, int64(length), 10)
		p.out = append(p.out, "\r\n"...)
	}
	if contentType != "" {
		p.out = append(p.out, "content-type: "...)
		p.out = append(p.out, contentType...)
		p.out = append(p.out, "\r\n"...)
	}
	p.out = append(p.out, "vary: Origin\r\n"...)
	if q.requestID != "" {
		p.out = append(p.out, "x-request-id: "...)
		p.out = append(p.out, q.requestID...)
		p.out = append(p.out, "\r\n"...)
	}
	if length < 0 {
		p.out = append(p.out, "transfer-encoding: chunked\r\n"...)
	}
	p.out = append(p.out, "\r\n"...)
}

func (p *conn) reply(q request, status, contentType, body string) bool {
	p.head(q, status, contentType, len(body))
	p.out = append(p.out, body...)
	return p.write() == nil
}
