package wire

import (
	"bytes"
	"strconv"
)

// AppendAnswer appends the JSON of a plain chat completion, about 770 bytes as vLLM 0.32's are. It names the checksum
// and the length of the request body as the engine got it, so a body changed on its way shows.
func AppendAnswer(dst []byte, seed uint64, sum uint32, length int) []byte {
	dst = append(dst, `{"id":"chatcmpl-`...)
	dst = appendHex(dst, seed)
	dst = append(dst, `","object":"chat.completion","created":1795359695,"model":"`+Model+`","choices":[{"index":0,`+
		`"message":{"role":"assistant","content":"`+bodyOf...)
	dst = strconv.AppendInt(dst, int64(length), 10)
	dst = append(dst, bytesChecksum...)
	dst = appendHex(dst, uint64(sum))
	dst = append(dst, `","refusal":null,"annotations":null,"audio":null,"function_call":null,"reasoning":null},`+
		`"logprobs":null,"finish_reason":"length","stop_reason":null,"token_ids":null,"routed_experts":null}],`+
		`"service_tier":null,"system_fingerprint":"vllm-0.32.0-d733bbcf","usage":{"prompt_tokens":`...)
	dst = strconv.AppendInt(dst, int64(length/4), 10)
	return append(dst, `,"total_tokens":29,"completion_tokens":8,"prompt_tokens_details":{"cached_tokens":0,`+
		`"created_cache_tokens":0,"multimodal_tokens":null},"completion_tokens_details":null},"prompt_logprobs":null,`+
		`"prompt_token_ids":null,"prompt_text":null,"kv_transfer_params":null,"ec_transfer_params":null,"metrics":null}`...)
}

const (
	bodyOf        = "body of "
	bytesChecksum = " bytes, checksum "
)

// BodyOf reads the checksum and the length of the request body that an answer names; zeros when it names none.
func BodyOf(answer []byte) (uint32, int) {
	length, _ := numberAfter(answer, []byte(bodyOf))
	at := bytes.Index(answer, []byte(bytesChecksum))
	if at < 0 || len(answer) < at+len(bytesChecksum)+16 {
		return 0, 0
	}
	at += len(bytesChecksum)
	sum, err := strconv.ParseUint(string(answer[at:at+16]), 16, 32)
	if err != nil {
		return 0, 0
	}
	return uint32(sum), int(length)
}

// A stream is: the role event, Chunks content events (the last one with its finish reason), the usage event, Done.
// The time at which a content event was due stands, in nanoseconds, where vLLM has the second of creation: engine and
// load generator run on one machine and share its clock.
const (
	eventStart   = `data: {"id":"chatcmpl-`
	eventCreated = `","object":"chat.completion.chunk","created":`
	eventModel   = `,"model":"` + Model + `","choices":[`
	// dueAt is where the due time starts in every event of a stream.
	dueAt     = len(eventStart) + 16 + len(eventCreated)
	dueDigits = 19
)

// Done ends every stream.
const Done = "data: [DONE]\n\n"

func appendEventHead(dst []byte, seed uint64, due int64) []byte {
	dst = append(dst, eventStart...)
	dst = appendHex(dst, seed)
	dst = append(dst, eventCreated...)
	dst = strconv.AppendInt(dst, due, 10)
	return append(dst, eventModel...)
}

// AppendEvent appends event number k of a stream of n content chunks: 0 is the role, 1…n the content, n+1 the usage,
// n+2 Done. due is in Unix nanoseconds.
func AppendEvent(dst []byte, seed uint64, k, n int, due int64) []byte {
	if k == n+2 {
		return append(dst, Done...)
	}
	dst = appendEventHead(dst, seed, due)
	switch {
	case k == 0:
		return append(dst, `{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}],`+
			`"prompt_token_ids":null,"prompt_text":null}`+"\n\n"...)
	case k == n+1:
		dst = append(dst, `],"usage":{"prompt_tokens":21,"total_tokens":`...)
		dst = strconv.AppendInt(dst, int64(21+n), 10)
		dst = append(dst, `,"completion_tokens":`...)
		dst = strconv.AppendInt(dst, int64(n), 10)
		return append(dst, `,"prompt_tokens_details":{"cached_tokens":0,"created_cache_tokens":0}},`+
			`"system_fingerprint":"vllm-0.32.0-d733bbcf"}`+"\n\n"...)
	}
	dst = append(dst, `{"index":0,"delta":{"content":" t`...)
	dst = strconv.AppendInt(dst, int64(k), 10)
	if k == n {
		return append(dst, `"},"logprobs":null,"finish_reason":"length","stop_reason":null,"token_ids":null}]}`+"\n\n"...)
	}
	return append(dst, `"},"logprobs":null,"finish_reason":null,"token_ids":null}]}`+"\n\n"...)
}

// DueOf reads the due time of an event; 0 when it has none (Done, or something else altogether).
func DueOf(event []byte) int64 {
	if len(event) < dueAt+dueDigits {
		return 0
	}
	var due int64
	for _, c := range event[dueAt : dueAt+dueDigits] {
		if c < '0' || c > '9' {
			return 0
		}
		due = due*10 + int64(c-'0')
	}
	return due
}

// IsError tells an error event, as vLLM and routers send it inside a stream.
func IsError(event []byte) bool {
	return bytes.HasPrefix(event, []byte(`data: {"error"`)) || bytes.HasPrefix(event, []byte("event: error"))
}

func appendHex(dst []byte, n uint64) []byte {
	const digits = "0123456789abcdef"
	for shift := 60; shift >= 0; shift -= 4 {
		dst = append(dst, digits[n>>uint(shift)&15])
	}
	return dst
}
