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

func serving(t *testing.T) *engine {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	counter, err := openCounter(t.TempDir() + "/begun")
	if err != nil {
		t.Fatal(err)
	}
	e := &engine{listener: listener, begun: counter, open: map[*conn]bool{}}
	go e.accept()
	t.Cleanup(func() { listener.Close() })
	return e
}

// ask sends one request and returns its connection and the head of the answer.
func ask(t *testing.T, e *engine, what wire.Ask) (net.Conn, *http.Response) {
	t.Helper()
	c, err := net.Dial("tcp", e.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	body := string(wire.AppendTail(wire.AppendPrompt(nil, 2048), what))
	fmt.Fprintf(c, "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%s", len(body), body)
	response, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	return c, response
}

// A stream of one chunk each 5 ms, for longer than any machine needs for these tests.
var endless = wire.Ask{Seed: wire.FirstSeed, Stream: true, Chunks: 1_000_000, Rate: 200}

func TestAHangingEngineRefusesAndIsSilent(t *testing.T) {
	e := serving(t)
	c, response := ask(t, e, endless)
	if _, err := response.Body.Read(make([]byte, 1)); err != nil || e.begun.Load() != 1 {
		t.Fatalf("no first event: %v, %d begun", err, e.begun.Load())
	}
	e.hang()
	if _, err := net.Dial("tcp", e.listener.Addr().String()); err == nil {
		t.Error("a connection was accepted")
	}
	// What was under way arrives, and then nothing: neither a byte nor the end.
	c.SetReadDeadline(time.Now().Add(time.Second))
	if _, err := io.Copy(io.Discard, c); err == nil || !err.(net.Error).Timeout() {
		t.Errorf("the stream ended: %v", err)
	}
	c.Close()
	for e.begun.Load() != 0 {
		time.Sleep(time.Millisecond)
	}
}

func TestADrainingEngineRefusesWhatIsNew(t *testing.T) {
	e := serving(t)
	_, old := ask(t, e, wire.Ask{Seed: wire.FirstSeed, Stream: true, Chunks: 20, Rate: 200})
	e.draining.Store(true)
	_, fresh := ask(t, e, endless)
	if said, _ := io.ReadAll(fresh.Body); fresh.StatusCode != 500 || !strings.Contains(string(said), "cannot schedule new futures") {
		t.Errorf("%d %s", fresh.StatusCode, said)
	}
	if all, err := io.ReadAll(old.Body); err != nil || !strings.HasSuffix(string(all), wire.Done) {
		t.Errorf("the stream that ran was cut: %v", err)
	}
}
