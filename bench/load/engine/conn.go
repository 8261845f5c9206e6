package main

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"time"

	"vllm-router/bench/load/wire"
)

// conn is one accepted connection with its read buffer; buf[r:w] is read and not yet used.
type conn struct {
	c    net.Conn
	buf  []byte
	r, w int
	out  []byte
	body []byte
}

type request struct {
	method, path string
	requestID    string
	close        bool
	ask          wire.Ask
	sum          uint32
	length       int
}

var (
	headEnd  = []byte("\r\n\r\n")
	lineEnd  = []byte("\r\n")
	errFrame = errors.New("malformed request")
)

// fill reads once more, growing the buffer when it is full.
func (p *conn) fill() error {
	if p.r == p.w {
		p.r, p.w = 0, 0
	} else if p.w == len(p.buf) {
		if p.r > 0 {
			p.w = copy(p.buf, p.buf[p.r:p.w])
			p.r = 0
		} else {
			p.buf = append(p.buf, make([]byte, len(p.buf))...)
		}
	}
	n, err := p.c.Read(p.buf[p.w:])
	p.w += n
	if n > 0 {
		return nil
	}
	return err
}

// readRequest waits for the next request and reads it whole; its body goes into the checksum and only its tail is kept.
func (p *conn) readRequest() (request, error) {
	var end int
	for from := 0; ; {
		if end = bytes.Index(p.buf[p.r+from:p.w], headEnd); end >= 0 {
			end += from
			break
		}
		from = max(0, p.w-p.r-3)
		if err := p.fill(); err != nil {
			return request{}, err
		}
	}
	head := p.buf[p.r : p.r+end+2]
	q := request{}
	length, chunked := 0, false
	first := true
	for len(head) > 0 {
		at := bytes.Index(head, lineEnd)
		line := head[:at]
		head = head[at+2:]
		if first {
			first = false
			parts := bytes.SplitN(line, []byte(" "), 3)
			if len(parts) != 3 {
				return q, errFrame
			}
			q.method, q.path = string(parts[0]), string(parts[1])
			continue
		}
		colon := bytes.IndexByte(line, ':')
		if colon < 0 {
			return q, errFrame
		}
		value := bytes.TrimSpace(line[colon+1:])
		switch name := line[:colon]; {
		case len(name) == 14 && bytes.EqualFold(name, []byte("content-length")):
			length, _ = strconv.Atoi(string(value))
		case len(name) == 17 && bytes.EqualFold(name, []byte("transfer-encoding")):
			chunked = true
		case len(name) == 10 && bytes.EqualFold(name, []byte("connection")):
			q.close = bytes.EqualFold(value, []byte("close"))
		case len(name) == 12 && bytes.EqualFold(name, []byte("x-request-id")):
			q.requestID = string(value)
		}
	}
	p.r += end + 4
	p.body = p.body[:0]
	if chunked {
		return q, p.readChunked(&q)
	}
	return q, p.readBody(&q, length)
}

func (p *conn) take(q *request, part []byte) {
	q.sum = wire.Checksum(q.sum, part)
	q.length += len(part)
	if keep := len(p.body) + len(part) - wire.TailLength; keep > 0 {
		if keep >= len(p.body) {
			p.body = append(p.body[:0], part[max(0, len(part)-wire.TailLength):]...)
			return
		}
		p.body = p.body[:copy(p.body, p.body[keep:])]
	}
	p.body = append(p.body, part...)
}

// bigBuffer holds a long body with few reads; small requests keep the small one.
const bigBuffer = 64 << 10

func (p *conn) readBody(q *request, length int) error {
	if length > len(p.buf) && len(p.buf) < bigBuffer {
		p.buf = append(p.buf, make([]byte, bigBuffer-len(p.buf))...)
	}
	for left := length; left > 0; {
		if p.r == p.w {
			if err := p.fill(); err != nil {
				return io.ErrUnexpectedEOF
			}
		}
		n := min(left, p.w-p.r)
		p.take(q, p.buf[p.r:p.r+n])
		p.r += n
		left -= n
	}
	q.ask = wire.ParseTail(p.body)
	return nil
}

func (p *conn) readChunked(q *request) error {
	for {
		line, err := p.readLine()
		if err != nil {
			return err
		}
		size, err := strconv.ParseInt(string(line), 16, 32)
		if err != nil {
			return errFrame
		}
		if size == 0 {
			_, err = p.readLine()
			q.ask = wire.ParseTail(p.body)
			return err
		}
		if err = p.readBody(q, int(size)); err != nil {
			return err
		}
		if line, err = p.readLine(); err != nil || len(line) > 0 {
			return errFrame
		}
	}
}

func (p *conn) readLine() ([]byte, error) {
	for {
		if at := bytes.Index(p.buf[p.r:p.w], lineEnd); at >= 0 {
			line := p.buf[p.r : p.r+at]
			p.r += at + 2
			return line, nil
		}
		if err := p.fill(); err != nil {
			return nil, io.ErrUnexpectedEOF
		}
	}
}

// waitUntil sleeps until due while it watches the client; false means that the client has left.
func (p *conn) waitUntil(due time.Time) bool {
	p.c.SetReadDeadline(due)
	for {
		err := p.fill()
		if err == nil {
			continue
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			p.c.SetReadDeadline(time.Time{})
			return true
		}
		return false
	}
}

// write sends what has been appended to out.
func (p *conn) write() error {
	_, err := p.c.Write(p.out)
	p.out = p.out[:0]
	return err
}
