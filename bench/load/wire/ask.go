// Package wire holds the bytes that the engine and the load generator agree on, so that every answer can be checked
// byte for byte: a request says in its last members what it wants, and the answer follows from the request alone.
package wire

import (
	"bytes"
	"hash/crc32"
	"strconv"
)

// Model is the only model the engines serve.
const Model = "bench-model"

// FirstSeed makes every seed ten digits long, so that requests of one kind have one length.
const FirstSeed = 1_000_000_000

// castagnoli has an instruction of its own on amd64 and arm64: 220 KB take about 10 µs.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Checksum continues sum over more bytes of a request body; it starts at 0.
func Checksum(sum uint32, body []byte) uint32 { return crc32.Update(sum, castagnoli, body) }

// Ask is what one request wants. Its members come last in the body, where SDKs put them: a router that looks for
// "model" and "stream" has the whole prompt to walk.
type Ask struct {
	Seed   uint64
	Stream bool
	// Chunks is the number of content chunks of a stream.
	Chunks int
	// Rate is chunks per second; 0 = as fast as they can be written.
	Rate int
}

// AppendTail appends the end of a request body whose list of messages is still open.
func AppendTail(dst []byte, ask Ask) []byte {
	dst = append(dst, `],"max_tokens":`...)
	dst = strconv.AppendInt(dst, int64(ask.Chunks), 10)
	if ask.Stream {
		dst = append(dst, `,"stream":true,"stream_options":{"include_usage":true}`...)
	}
	dst = append(dst, `,"user":"rate-`...)
	dst = strconv.AppendInt(dst, int64(ask.Rate), 10)
	dst = append(dst, `","seed":`...)
	dst = strconv.AppendUint(dst, ask.Seed, 10)
	return append(dst, '}')
}

// TailLength is how much of the end of a body ParseTail looks at. It is more than AppendTail ever writes, since routers
// that rewrite requests append members of their own.
const TailLength = 1024

var (
	keySeed   = []byte(`"seed":`)
	keyTokens = []byte(`"max_tokens":`)
	keyLonger = []byte(`"max_completion_tokens":`) // what one router makes of it
	keyRate   = []byte(`"user":"rate-`)
	keyStream = []byte(`"stream":true`)
	keySpaced = []byte(`"stream": true`)
)

// ParseTail reads what AppendTail wrote at the end of body; a body from another client gives 16 chunks at full speed.
func ParseTail(body []byte) Ask {
	if len(body) > TailLength {
		body = body[len(body)-TailLength:]
	}
	ask := Ask{Stream: bytes.Contains(body, keyStream) || bytes.Contains(body, keySpaced), Chunks: 16}
	if n, ok := numberAfter(body, keySeed); ok {
		ask.Seed = n
	}
	for _, key := range [][]byte{keyLonger, keyTokens} {
		if n, ok := numberAfter(body, key); ok {
			ask.Chunks = int(n)
		}
	}
	if n, ok := numberAfter(body, keyRate); ok {
		ask.Rate = int(n)
	}
	return ask
}

func numberAfter(text, key []byte) (uint64, bool) {
	at := bytes.LastIndex(text, key)
	if at < 0 {
		return 0, false
	}
	var n uint64
	digits := 0
	for _, c := range text[at+len(key):] {
		if c == ' ' && digits == 0 {
			continue
		}
		if c < '0' || c > '9' || digits == 18 {
			break
		}
		n = n*10 + uint64(c-'0')
		digits++
	}
	return n, digits > 0
}

// AppendPrompt appends the start of a chat request, its list of messages left open, such that with AppendTail it is
// about size bytes: a system message and turns of text with quotes and line ends, an escape every 60 bytes or so, as
// prompts with source code or quoted documents have.
func AppendPrompt(dst []byte, size int) []byte {
	words := []string{"the", "router", "forwards", "every", "request", "to", "an", "engine", "that", "serves", "its",
		"model", "and", "streams", "tokens", "back", "while", "others", "wait", "for", "prefill"}
	const perMessage = 4096
	dst = append(dst, `{"model":"`+Model+`","messages":[{"role":"system","content":"You are a careful assistant."}`...)
	room := size - len(dst) - 130
	for turn := 0; room >= 100; turn++ {
		length := min(room, perMessage)
		role := "user"
		if turn%2 == 1 && length < room {
			role = "assistant"
		}
		dst = append(dst, `,{"role":"`+role+`","content":"`...)
		start := len(dst)
		for i := turn; len(dst)-start < length-40; i++ {
			word := words[(i*7+i/21)%len(words)]
			switch i % 20 {
			case 9:
				dst = append(dst, word+`.\n`...)
			case 19:
				dst = append(dst, `\"`+word+`\" `...)
			default:
				dst = append(dst, word+" "...)
			}
		}
		dst = append(dst, `"}`...)
		room -= len(dst) - start + 31
	}
	return dst
}
