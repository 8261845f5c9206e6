package main

import (
	"math"
	"sync"
	"time"
)

// slot keeps one connection to one target, opened anew when it is of no further use.
type slot struct {
	target string
	p      *conn
}

func (s *slot) connection(o options, j *job) *conn {
	if s.p == nil {
		p, err := dial(s.target, o.connect)
		if err != nil {
			j.fail(err)
			// A closed loop against a dead target would be nothing but refused connections.
			time.Sleep(20 * time.Millisecond)
			return nil
		}
		s.p = p
	}
	return s.p
}

func (s *slot) drop() {
	s.p.c.Close()
	s.p = nil
}

// closedLoop keeps o.conns connections busy with plain requests until end.
func closedLoop(o options, j *job, end time.Time) {
	var all sync.WaitGroup
	for i := 0; i < o.conns; i++ {
		all.Add(1)
		go func(s slot) {
			defer all.Done()
			for now := time.Now(); now.Before(end); now = time.Now() {
				if p := s.connection(o, j); p != nil && !j.plain(p, now) {
					s.drop()
				}
			}
		}(slot{target: o.targets[i%len(o.targets)]})
	}
	all.Wait()
}

// openStreams keeps o.streams streams open until end. The first stream of each slot is shorter than the others by the
// slot's share, so that streams end all the time and not all at once.
func openStreams(o options, j *job, begin, end time.Time) {
	var all sync.WaitGroup
	for i := 0; i < o.streams; i++ {
		all.Add(1)
		go func(i int) {
			defer all.Done()
			s := slot{target: o.targets[i%len(o.targets)]}
			time.Sleep(time.Until(begin.Add(o.ramp * time.Duration(i) / time.Duration(o.streams))))
			chunks := max(1, o.chunks*(i+1)/o.streams)
			for now := time.Now(); now.Before(end); now = time.Now() {
				p := s.connection(o, j)
				if p == nil {
					continue
				}
				if !j.stream(p, lastsUntil(end, now, chunks, o.rate), o.rate, now) {
					s.drop()
				}
				chunks = o.chunks
			}
		}(i)
	}
	all.Wait()
}

// lastsUntil makes a stream that would end in the last second of the window, or after it, end just after it: no stream is
// cut, and no burst of short ones comes at the end.
func lastsUntil(end, now time.Time, chunks, rate int) int {
	if rate == 0 {
		return chunks
	}
	length := time.Duration(chunks) * time.Second / time.Duration(rate)
	if now.Add(length).Before(end.Add(-time.Second)) {
		return chunks
	}
	// The first chunk comes at once, so the last one is due after one gap less than there are chunks.
	return 2 + max(0, int((end.Sub(now)+200*time.Millisecond)*time.Duration(rate)/time.Second))
}

// openLoop begins requests, plain or streamed, at a fixed rate, whatever becomes of those before; latencies count from the planned time.
func openLoop(o options, j *job, begin, end time.Time) {
	var all sync.WaitGroup
	var mutex sync.Mutex
	var idle []*slot
	gap := time.Duration(float64(time.Second) / o.arrivals)
	for i := 0; ; i++ {
		due := begin.Add(time.Duration(i) * gap)
		if o.streamed {
			// Streams that begin on a grid would have their chunks due in bursts, for as long as they last.
			_, share := math.Modf(float64(i) * math.Phi)
			due = due.Add(time.Duration(share * float64(gap)))
		}
		if !due.Before(end) {
			break
		}
		time.Sleep(time.Until(due))
		mutex.Lock()
		var s *slot
		if n := len(idle); n > 0 {
			s, idle = idle[n-1], idle[:n-1]
		} else {
			s = &slot{target: o.targets[i%len(o.targets)]}
		}
		mutex.Unlock()
		all.Add(1)
		go func() {
			defer all.Done()
			p := s.connection(o, j)
			if p == nil {
				return
			}
			usable := false
			if o.streamed {
				usable = j.stream(p, lastsUntil(end, due, o.chunks, o.rate), o.rate, due)
			} else {
				usable = j.plain(p, due)
			}
			if !usable {
				s.drop()
			}
			mutex.Lock()
			idle = append(idle, s)
			mutex.Unlock()
		}()
	}
	all.Wait()
}
