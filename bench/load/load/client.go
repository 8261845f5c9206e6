package main

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strconv"
	"time"
)

// conn is one connection to the target and the state of the response that is being read from it; buf[r:w] is read and
// not yet used.
type conn struct {
	c    net.Conn
	buf  []byte
	r, w int
	out  []byte
	used int // requests sent so far

	status  int
	length  int // bytes of the body, or -1
	chunked bool
	close   bool
	left    int  // bytes left of the body or of the current chunk
	inChunk bool // a chunk's data is being read, or its line end is due
	ended   bool
	pending []byte // the start of an event whose rest is still to come
}

var errFrame = errors.New("malformed response")

func dial(target string, timeout time.Duration) (*conn, error) {
	c, err := net.DialTimeout("tcp", target, timeout)
	if err != nil {
		return nil, err
	}
	return &conn{c: c, buf: make([]byte, 4096)}, nil
}

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
	if err == io.EOF {
		// io.EOF is kept for the proper end of a body.
		return io.ErrUnexpectedEOF
	}
	return err
}

// readHead reads status line and header fields of the next response.
func (p *conn) readHead() error {
	end := 0
	for from := 0; ; {
		if end = bytes.Index(p.buf[p.r+from:p.w], []byte("\r\n\r\n")); end >= 0 {
			end += from
			break
		}
		from = max(0, p.w-p.r-3)
		if err := p.fill(); err != nil {
			return err
		}
	}
	head := p.buf[p.r : p.r+end+2]
	p.r += end + 4
	if len(head) < 14 || !bytes.HasPrefix(head, []byte("HTTP/1.1 ")) {
		return errFrame
	}
	p.status, _ = strconv.Atoi(string(head[9:12]))
	p.length, p.chunked, p.close, p.ended, p.inChunk = -1, false, false, false, false
	p.pending = p.pending[:0]
	head = head[bytes.Index(head, []byte("\r\n"))+2:]
	for len(head) > 0 {
		at := bytes.Index(head, []byte("\r\n"))
		line := head[:at]
		head = head[at+2:]
		colon := bytes.IndexByte(line, ':')
		if colon < 0 {
			return errFrame
		}
		value := bytes.TrimSpace(line[colon+1:])
		switch name := line[:colon]; {
		case len(name) == 14 && bytes.EqualFold(name, []byte("content-length")):
			n, err := strconv.Atoi(string(value))
			if err != nil {
				return errFrame
			}
			p.length = n
		case len(name) == 17 && bytes.EqualFold(name, []byte("transfer-encoding")):
			p.chunked = bytes.EqualFold(value, []byte("chunked"))
		case len(name) == 10 && bytes.EqualFold(name, []byte("connection")):
			p.close = bytes.EqualFold(value, []byte("close"))
		}
	}
	p.left = max(p.length, 0)
	if !p.chunked && p.length < 0 {
		p.close = true // the end of the connection ends the body
	}
	return nil
}

// next returns the next piece of the body, valid until the next call, or io.EOF after its proper end. A body that
// ends with the connection has no proper end here: an engine's answers always have a length or chunks.
func (p *conn) next() ([]byte, error) {
	for !p.ended {
		if p.chunked && p.left == 0 {
			if err := p.chunkLine(); err != nil {
				return nil, err
			}
			continue
		}
		if !p.chunked && p.left == 0 {
			p.ended = p.length >= 0
			if p.ended {
				break
			}
			return nil, errFrame
		}
		if p.r == p.w {
			if err := p.fill(); err != nil {
				return nil, err
			}
		}
		n := min(p.left, p.w-p.r)
		part := p.buf[p.r : p.r+n]
		p.r += n
		p.left -= n
		return part, nil
	}
	return nil, io.EOF
}

// chunkLine reads what stands between two pieces of chunked data.
func (p *conn) chunkLine() error {
	line, err := p.line()
	if err != nil {
		return err
	}
	if p.inChunk {
		p.inChunk = false
		if len(line) > 0 {
			return errFrame
		}
		return nil
	}
	size, err := strconv.ParseInt(string(line), 16, 32)
	if err != nil {
		return errFrame
	}
	if size > 0 {
		p.left, p.inChunk = int(size), true
		return nil
	}
	for {
		if line, err = p.line(); err != nil {
			return err
		}
		if len(line) == 0 {
			p.ended = true
			return nil
		}
	}
}

func (p *conn) line() ([]byte, error) {
	for {
		if at := bytes.Index(p.buf[p.r:p.w], []byte("\r\n")); at >= 0 {
			line := p.buf[p.r : p.r+at]
			p.r += at + 2
			return line, nil
		}
		if err := p.fill(); err != nil {
			return nil, err
		}
	}
}

// nextEvent returns the next server-sent event with its empty line, or io.EOF after the proper end of the body.
func (p *conn) nextEvent(part *[]byte) ([]byte, error) {
	for {
		if at := bytes.Index(*part, []byte("\n\n")); at >= 0 && len(p.pending) == 0 {
			event := (*part)[:at+2]
			*part = (*part)[at+2:]
			return event, nil
		}
		if len(*part) > 0 {
			p.pending = append(p.pending, *part...)
			*part = nil
		}
		if at := bytes.Index(p.pending, []byte("\n\n")); at >= 0 {
			event := p.pending[:at+2]
			// What follows stays valid: pending is only appended to after part is used up.
			*part = p.pending[at+2:]
			p.pending = p.pending[len(p.pending):]
			return event, nil
		}
		piece, err := p.next()
		if err != nil {
			if err == io.EOF && len(p.pending) > 0 {
				return nil, errFrame
			}
			return nil, err
		}
		*part = piece
	}
}
