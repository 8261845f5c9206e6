package wire

import (
	"bytes"
	"encoding/json"
	"testing"
)

func TestBodiesAreJSONOfTheAskedSize(t *testing.T) {
	for _, size := range []int{2048, 20_000, 220_000} {
		ask := Ask{Seed: FirstSeed + 7, Stream: true, Chunks: 200, Rate: 50}
		body := AppendTail(AppendPrompt(nil, size), ask)
		var got struct {
			Model    string
			Stream   bool
			Messages []struct{ Role, Content string }
		}
		if err := json.Unmarshal(body, &got); err != nil {
			t.Fatalf("size %d: %v", size, err)
		}
		for _, message := range got.Messages {
			if len(message.Content) < 20 {
				t.Errorf("size %d: message %+v", size, message)
			}
		}
		if got.Model != Model || !got.Stream || len(got.Messages) < 2 {
			t.Fatalf("size %d: %+v", size, got.Model)
		}
		if len(body) < size*95/100 || len(body) > size*105/100 {
			t.Errorf("asked for %d bytes, got %d", size, len(body))
		}
		perEscape := len(body) / max(1, bytes.Count(body, []byte(`\`)))
		if perEscape < 40 || perEscape > 80 {
			t.Errorf("size %d: an escape each %d bytes", size, perEscape)
		}
		if ParseTail(body) != ask {
			t.Errorf("size %d: parsed %+v", size, ParseTail(body))
		}
	}
}

func TestAForeignBodyIsAnsweredToo(t *testing.T) {
	ask := ParseTail([]byte(`{"messages": [], "stream": true, "max_tokens": 3}`))
	if ask.Chunks != 3 || !ask.Stream {
		t.Errorf("%+v", ask)
	}
	if ParseTail(nil).Chunks != 16 {
		t.Error("default number of chunks")
	}
}

func TestEventsAreJSONAndKeepTheirDueTime(t *testing.T) {
	const n, due = 3, int64(1_795_359_695_123_456_789)
	for k := 0; k <= n+1; k++ {
		event := AppendEvent(nil, FirstSeed, k, n, due)
		if DueOf(event) != due {
			t.Errorf("event %d: due %d", k, DueOf(event))
		}
		if !bytes.HasSuffix(event, []byte("\n\n")) || !json.Valid(bytes.TrimPrefix(event, []byte("data: "))) {
			t.Errorf("event %d: %s", k, event)
		}
	}
	if done := AppendEvent(nil, FirstSeed, n+2, n, due); string(done) != Done || DueOf(done) != 0 {
		t.Errorf("%s", done)
	}
	answer := AppendAnswer(nil, 1, 0xdeadbeef, 3)
	if !json.Valid(answer) {
		t.Error("answer is not JSON")
	}
	if sum, length := BodyOf(answer); sum != 0xdeadbeef || length != 3 {
		t.Errorf("answer to a body of %d bytes, checksum %x", length, sum)
	}
}
