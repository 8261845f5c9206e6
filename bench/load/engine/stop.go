package main

import (
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// refusal is what vLLM 0.32 says to new requests while it drains; its /health says 200 all the time.
const refusal = `{"error":{"message":"cannot schedule new futures after shutdown","type":"InternalServerError",` +
	`"param":null,"code":500}}`

// stopOnTerm makes SIGTERM do what vLLM does, see the flag -on-term. The process ends when nothing is left to answer.
func stopOnTerm(how string, all []*engine) {
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	<-term
	for _, e := range all {
		if how == "hang" {
			e.hang()
		} else {
			e.draining.Store(true)
		}
	}
	for ; ; time.Sleep(10 * time.Millisecond) {
		left := int64(0)
		for _, e := range all {
			left += e.running.Load()
		}
		if left == 0 {
			// A request that was accepted a moment ago gets its refusal before the process ends.
			time.Sleep(50 * time.Millisecond)
			os.Exit(0)
		}
	}
}

// hang closes the listener and the connections without a request; those with one stay open, without a byte.
func (e *engine) hang() {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	e.hung.Store(true)
	e.listener.Close()
	for p, busy := range e.open {
		if !busy {
			p.c.Close()
		}
	}
}

// silent waits, once the engine hangs, until the client has left, and says so.
func (e *engine) silent(p *conn) bool {
	if !e.hung.Load() {
		return false
	}
	for p.fill() == nil {
	}
	return true
}

// mark notes whether a request is being answered on a connection; false means that there will be no further one.
func (e *engine) mark(p *conn, busy bool) bool {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if e.hung.Load() && !busy {
		return false
	}
	e.open[p] = busy
	return true
}

func (e *engine) forget(p *conn) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	delete(e.open, p)
}

// openCounter maps a file of eight bytes as a counter, which outlives the process whatever kills it.
func openCounter(path string) (*atomic.Int64, error) {
	if path == "" {
		return new(atomic.Int64), nil
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if err = file.Truncate(8); err != nil {
		return nil, err
	}
	memory, err := syscall.Mmap(int(file.Fd()), 0, 8, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return nil, err
	}
	return (*atomic.Int64)(unsafe.Pointer(&memory[0])), nil
}
