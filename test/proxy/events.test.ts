import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { EventSplitter, endsEvent } from '../../src/proxy/event-splitter.ts';
import { firstEventError, StreamObserver } from '../../src/proxy/stream-observer.ts';
import { parseUsage } from '../../src/proxy/usage.ts';
import { parseResponse, sseEvents } from '../fakes/framing.ts';
import { loadRecording } from '../fakes/recording.ts';

test('the splitter lets only whole events pass, and loses and changes nothing', () => {
  const event = fc.constantFrom(
    'data: 1\n\n',
    'event: x\r\ndata: y\r\n\r\n',
    ': ping\n\n',
    'data: a\ndata: b\n\n',
    '\n',
    'id: 7\n\n',
  );
  fc.assert(
    fc.property(
      fc.array(event, { maxLength: 8 }),
      fc.array(fc.nat(80), { maxLength: 8 }),
      fc.nat(12),
      (events, cuts, missing) => {
        const whole = events.join('');
        const text = Buffer.from(whole.slice(0, Math.max(0, whole.length - missing)));
        const borders = [0, ...new Set(cuts.map((cut) => Math.min(cut, text.length))), text.length].sort(
          (a, b) => a - b,
        );
        const splitter = new EventSplitter();
        let out = '';
        for (let index = 1; index < borders.length; index++) {
          const piece = text.subarray(borders[index - 1]!, borders[index]!);
          if (piece.length === 0) continue;
          const passed = splitter.push(piece);
          if (passed === undefined) continue;
          out += passed.toString();
          assert.match(out, /\n\r?\n$/);
        }
        assert.equal(out + splitter.rest().toString(), text.toString());
      },
    ),
    { numRuns: 500 },
  );
});

test('an event without end passes in parts: memory is bounded', () => {
  const splitter = new EventSplitter();
  let passed = 0;
  for (let count = 0; count < 100; count++) passed += splitter.push(Buffer.alloc(10_000, 'x'))?.length ?? 0;
  assert.ok(passed > 700_000);
});

test('where an event ends', () => {
  for (const [text, ends] of [
    ['a\n\n', true],
    ['a\r\n\r\n', true],
    ['a\n\r\n', true],
    ['a\n', false],
    ['a\r\n', false],
    ['', false],
    ['\n', false],
  ] as const) {
    assert.equal(endsEvent(Buffer.from(text), text.length), ends, JSON.stringify(text));
  }
});

test('what recorded streams of vLLM say of their end', () => {
  const cases: [string, 'chat' | 'messages' | 'responses', number, { complete: boolean; failed: boolean }][] = [
    ['chat-stream', 'chat', 1, { complete: true, failed: false }],
    ['chat-stream-usage', 'chat', 1, { complete: true, failed: false }],
    ['chat-n2-stream', 'chat', 2, { complete: true, failed: false }],
    ['completion-n2-stream', 'chat', 2, { complete: true, failed: false }],
    ['completion-list-stream', 'chat', 2, { complete: true, failed: false }],
    ['chat-tools-named-stream', 'chat', 1, { complete: true, failed: false }],
    ['responses-stream', 'responses', 1, { complete: true, failed: false }],
    ['messages-stream', 'messages', 1, { complete: true, failed: false }],
    ['sig-killcore-stream', 'chat', 1, { complete: false, failed: true }],
    ['sig-killcore-messages', 'messages', 1, { complete: false, failed: true }],
    ['sig-kill-stream', 'chat', 1, { complete: false, failed: false }],
    ['sig-term-stream', 'chat', 1, { complete: false, failed: false }],
  ];
  for (const [name, kind, choices, expected] of cases) {
    const { body } = parseResponse(loadRecording(name).response, 'POST', true)!;
    for (const pieces of [
      [body],
      sseEvents(body).map(({ event, data }) => Buffer.from(`${event ? `event: ${event}\n` : ''}data: ${data}\n\n`)),
    ]) {
      const observer = new StreamObserver(kind, choices);
      for (const piece of pieces) observer.observe(piece.toString('latin1'));
      assert.deepEqual({ complete: observer.complete, failed: observer.failed }, expected, name);
    }
  }
});

test('a refused stream is seen by its first event', () => {
  const { body } = parseResponse(loadRecording('err-admission-503-inside-stream-chat').response, 'POST')!;
  assert.equal(firstEventError(body.toString('latin1'))?.code, 503);
  assert.equal(
    firstEventError(
      parseResponse(loadRecording('sig-killcore-queued-stream').response, 'POST', true)!.body.toString('latin1'),
    )?.code,
    500,
  );
  assert.equal(
    firstEventError(parseResponse(loadRecording('chat-stream').response, 'POST')!.body.toString('latin1')),
    undefined,
  );
});

test('an aborted request is no success', () => {
  for (const text of ['"finish_reason":"abort"', '"finish_reason": "abort"']) {
    const observer = new StreamObserver('chat');
    observer.observe(`data: {"choices":[{"index":0,"delta":{},${text}}]}\n\n`);
    assert.ok(observer.aborted && observer.complete);
  }
});

test('usage of every API, in answers and streams', () => {
  const usage = (name: string) => {
    const { body } = parseResponse(loadRecording(name).response, 'POST')!;
    return parseUsage(body.toString('latin1'));
  };
  assert.deepEqual(Object.keys(usage('chat')!), ['promptTokens', 'completionTokens', 'cachedTokens']);
  for (const name of ['chat', 'chat-cached-tokens', 'completion-string', 'embeddings', 'responses', 'messages']) {
    assert.ok(usage(name)!.promptTokens > 0, name);
  }
  assert.ok(usage('chat-cached-tokens')!.cachedTokens! > 0);
  assert.ok(usage('chat-stream-cached-tokens')!.cachedTokens! > 0);
  assert.equal(usage('err-unknown-model'), undefined);
});

test('usage: whatever the bytes, numbers or nothing', () => {
  const piece = fc.constantFrom(
    '"usage":',
    '{',
    '}',
    '"prompt_tokens":',
    '5',
    ',',
    '"completion_tokens":-1',
    'null',
    ' ',
    '"',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
      const usage = parseUsage(pieces.join(''));
      if (usage !== undefined) assert.ok(usage.promptTokens >= 0 && usage.completionTokens >= 0);
    }),
    { numRuns: 500 },
  );
  assert.equal(parseUsage('{"usage":null}'), undefined);
  assert.equal(parseUsage('{"text":"\\"usage\\":{","usage":{"prompt_tokens":3}}')?.promptTokens, 3);
});
