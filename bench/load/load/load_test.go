package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"vllm-router/bench/load/wire"
)

// serve answers each request with the bytes that answer makes of it, and closes the connection when told.
func serve(t *testing.T, answer func(ask wire.Ask, sum uint32, length int) (bytes string, close bool)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				in := bufio.NewReader(c)
				for {
					request, err := http.ReadRequest(in)
					if err != nil {
						return
					}
					body, _ := io.ReadAll(request.Body)
					bytes, end := answer(wire.ParseTail(body), wire.Checksum(0, body), len(body))
					// In small pieces: no line, size or event arrives whole.
					for len(bytes) > 0 {
						n := min(len(bytes), 7)
						io.WriteString(c, bytes[:n])
						bytes = bytes[n:]
					}
					if end {
						return
					}
				}
			}()
		}
	}()
	return listener.Addr().String()
}

func plainAnswer(body string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

// streamAnswer frames events as chunks that do not respect their borders.
func streamAnswer(text string, ends bool) string {
	out := "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	for len(text) > 0 {
		n := min(len(text), 100)
		out += fmt.Sprintf("%X\r\n%s\r\n", n, text[:n])
		text = text[n:]
	}
	if ends {
		out += "0\r\n\r\n"
	}
	return out
}

func events(ask wire.Ask) []string {
	var all []string
	for k := 0; k <= ask.Chunks+2; k++ {
		all = append(all, string(wire.AppendEvent(nil, ask.Seed, k, ask.Chunks, time.Now().UnixNano())))
	}
	return all
}

// patient is a limit that no machine is too slow for; only what waits for the limit has a short one.
const patient = time.Minute

func patienceFor(want string) time.Duration {
	if want == "timeout" {
		return 200 * time.Millisecond
	}
	return patient
}

// attempt makes one request, plain or streamed, and tells the kinds of errors that were counted.
func attempt(t *testing.T, target string, streamed bool, timeout time.Duration) (*job, string) {
	t.Helper()
	j := newJob("test", 2048)
	j.timeout, j.slow = timeout, time.Hour
	j.inWindow.Store(true)
	j.chunksCount.Store(true)
	p, err := dial(target, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer p.c.Close()
	// Twice on one connection where it stays usable: what one response leaves behind shows in the next.
	for i := 0; i < 2; i++ {
		usable := false
		if streamed {
			usable = j.stream(p, 5, 0, time.Now())
		} else {
			usable = j.plain(p, time.Now())
		}
		if !usable {
			break
		}
	}
	for kind := range j.errors {
		return j, kind
	}
	return j, ""
}

func TestGoodAnswersAreCounted(t *testing.T) {
	plain := serve(t, func(ask wire.Ask, sum uint32, length int) (string, bool) {
		return plainAnswer(string(wire.AppendAnswer(nil, ask.Seed, sum, length))), false
	})
	if j, kind := attempt(t, plain, false, patient); kind != "" || j.requests.Load() != 2 {
		t.Errorf("plain: %q %v, %d requests", kind, j.sample, j.requests.Load())
	}
	streams := serve(t, func(ask wire.Ask, _ uint32, _ int) (string, bool) {
		return streamAnswer(strings.Join(events(ask), ""), true), false
	})
	if j, kind := attempt(t, streams, true, patient); kind != "" || j.requests.Load() != 2 || j.chunks.Load() != 10 {
		t.Errorf("stream: %q %v, %d requests, %d chunks", kind, j.sample, j.requests.Load(), j.chunks.Load())
	}
}

func TestEveryDefectOfAPlainAnswerIsAnError(t *testing.T) {
	for want, answer := range map[string]func(body string) (string, bool){
		"status 503": func(string) (string, bool) { return "HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\n{}", false },
		"content": func(b string) (string, bool) {
			return plainAnswer(strings.Replace(b, "checksum", "chequesum", 1)), false
		},
		"closed":  func(b string) (string, bool) { return plainAnswer(b)[:200], true },
		"framing": func(b string) (string, bool) { return "HTTP/1.1 200 OK\r\n\r\n" + b, true },
		"timeout": func(string) (string, bool) { return "", false },
	} {
		target := serve(t, func(ask wire.Ask, sum uint32, length int) (string, bool) {
			return answer(string(wire.AppendAnswer(nil, ask.Seed, sum, length)))
		})
		if j, kind := attempt(t, target, false, patienceFor(want)); kind != want || j.requests.Load() != 0 {
			t.Errorf("%s: got %q %v", want, kind, j.sample)
		}
	}
}

func TestABodyChangedOnItsWayIsAnError(t *testing.T) {
	target := serve(t, func(ask wire.Ask, sum uint32, length int) (string, bool) {
		return plainAnswer(string(wire.AppendAnswer(nil, ask.Seed, sum+1, length))), false
	})
	if _, kind := attempt(t, target, false, patient); kind != "content" {
		t.Errorf("got %q", kind)
	}
}

func TestEveryDefectOfAStreamIsAnError(t *testing.T) {
	for name, c := range map[string]struct {
		want   string
		answer func(all []string) (string, bool)
	}{
		"cut after an event": {"closed", func(all []string) (string, bool) {
			return streamAnswer(strings.Join(all[:4], ""), false), true
		}},
		"no last chunk": {"closed", func(all []string) (string, bool) {
			return streamAnswer(strings.Join(all, ""), false), true
		}},
		"ended cleanly before its end": {"ended early", func(all []string) (string, bool) {
			return streamAnswer(strings.Join(all[:4], ""), true), false
		}},
		"without [DONE]": {"ended early", func(all []string) (string, bool) {
			return streamAnswer(strings.Join(all[:len(all)-1], ""), true), false
		}},
		"half an event at the end": {"framing", func(all []string) (string, bool) {
			return streamAnswer(strings.Join(all[:3], "")+all[3][:20], true), false
		}},
		"two events swapped": {"content", func(all []string) (string, bool) {
			all[2], all[3] = all[3], all[2]
			return streamAnswer(strings.Join(all, ""), true), false
		}},
		"an event twice": {"content", func(all []string) (string, bool) {
			all[3] = all[2]
			return streamAnswer(strings.Join(all, ""), true), false
		}},
		"one byte changed": {"content", func(all []string) (string, bool) {
			all[3] = strings.Replace(all[3], "choices", "choizes", 1)
			return streamAnswer(strings.Join(all, ""), true), false
		}},
		"an error event": {"error event", func(all []string) (string, bool) {
			all[3] = "data: {\"error\":{\"message\":\"gone\"}}\n\n"
			return streamAnswer(strings.Join(all, ""), true), false
		}},
		"an error event before any other": {"error as first event", func(all []string) (string, bool) {
			all[0] = "data: {\"error\":{\"message\":\"busy\"}}\n\n"
			return streamAnswer(strings.Join(all, ""), true), false
		}},
		"silence": {"timeout", func(all []string) (string, bool) {
			return streamAnswer(strings.Join(all[:4], ""), false), false
		}},
	} {
		target := serve(t, func(ask wire.Ask, _ uint32, _ int) (string, bool) { return c.answer(events(ask)) })
		if j, kind := attempt(t, target, true, patienceFor(c.want)); kind != c.want {
			t.Errorf("%s: want %q, got %q %v", name, c.want, kind, j.sample)
		}
	}
}

func TestQuantilesAreWithinThreePercent(t *testing.T) {
	var h histogram
	for i := 1; i <= 100_000; i++ {
		h.add(time.Duration(i) * time.Microsecond)
	}
	q := h.quantiles()
	for name, pair := range map[string][2]float64{"p50": {q.P50, 50}, "p90": {q.P90, 90}, "p99": {q.P99, 99}, "max": {q.Max, 100}} {
		if pair[0] < pair[1]*0.97 || pair[0] > pair[1]*1.03 {
			t.Errorf("%s: %v, want about %v", name, pair[0], pair[1])
		}
	}
	if (&histogram{}).quantiles().P99 != 0 {
		t.Error("empty histogram")
	}
}
