import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Engine, startEngine } from '../../src/simulator/engine/engine.ts';
import type { EngineOptions } from '../../src/simulator/engine/options.ts';
import { parseResponse } from '../fakes/framing.ts';
import { RawClient } from '../fakes/raw-client.ts';
import { loadRecording } from '../fakes/recording.ts';
import { bodyShape, headerShape } from './shape.ts';

/** The recorded request is sent as it is; answers must agree but for values. `exact`: the body too, byte for byte. */
interface Case {
  readonly name: string;
  readonly exact?: boolean;
}

const shaped = (...names: string[]): Case[] => names.map((name) => ({ name }));
const exact = (...names: string[]): Case[] => names.map((name) => ({ name, exact: true }));

const FAST: EngineOptions = { speed: 20, maxModelLen: 2048 };

/** How the engine of these recordings was started, and the recordings. */
const GROUPS: readonly { readonly title: string; readonly options: EngineOptions; readonly cases: readonly Case[] }[] =
  [
    {
      title: 'generate',
      options: { ...FAST, models: ['tiny-chat'] },
      cases: [
        ...shaped('chat', 'chat-n2', 'chat-no-model', 'chat-unknown-field', 'chat-x-request-id', 'chat-cached-tokens'),
        ...shaped('chat-stream', 'chat-stream-usage', 'chat-stream-usage-continuous', 'chat-stream-cached-tokens'),
        ...shaped('chat-n2-stream', 'chat-logprobs', 'chat-logprobs-stream', 'chat-json-schema', 'chat-max-tokens-0'),
        ...shaped('chat-tools-auto', 'chat-tools-required', 'chat-tools-named-stream', 'invocations', 'chat-batch'),
        ...shaped(
          'completion-string',
          'completion-tokens',
          'completion-list',
          'completion-tokens-list',
          'completion-echo',
        ),
        ...shaped('completion-stream', 'completion-list-stream', 'completion-n2-stream', 'completion-priority'),
        ...shaped('completion-max-tokens-0-echo', 'responses', 'responses-stream', 'messages', 'messages-stream'),
        ...shaped('messages-count-tokens', 'tokenize', 'tokenize-chat', 'detokenize', 'err-invalid-json'),
        ...shaped(
          'get-models',
          'get-health',
          'get-ping',
          'head-health',
          'options-preflight',
          'err-messages-invalid-json',
        ),
        ...shaped('transport-chunked-request', 'transport-expect-100', 'transport-expect-100-unknown-model'),
        ...shaped('transport-http10', 'transport-http10-stream', 'transport-connection-close', 'transport-no-host'),
        ...shaped(
          'transport-accept-encoding-gzip',
          'transport-upgrade-h2c',
          'transport-pipelining',
          'transport-pipelining-stream',
        ),
        ...exact(
          'get-version',
          'get-load',
          'get-is-paused',
          'get-is-sleeping',
          'get-kv-event-sources',
          'reset-prefix-cache',
        ),
        ...exact(
          'get-unknown-route',
          'get-on-post-route',
          'err-unknown-model',
          'err-unknown-model-stream',
          'err-empty-body',
        ),
        ...exact('err-json-not-object', 'err-no-content-type', 'err-wrong-content-type', 'err-missing-messages'),
        ...exact('err-temperature', 'err-max-tokens-too-large', 'err-messages-unknown-model', 'abort-requests'),
        ...exact('err-messages-missing-max-tokens', 'err-responses-unknown-model', 'err-responses-previous-id'),
        ...exact('responses-get-unknown', 'completion-max-tokens-0', 'completion-prompt-empty', 'completion-suffix'),
        ...exact('embeddings-on-generate-model', 'score-on-generate-model', 'rerank-on-generate-model'),
        ...exact(
          'audio-on-generate-model',
          'transport-gzip-request',
          'transport-bad-request-line',
          'transport-both-cl-te',
        ),
        ...exact('lora-load-without-enable-lora', 'pause', 'get-is-paused-true', 'get-health-while-paused', 'resume'),
        ...exact('sleep-not-enabled', 'wake-up-not-enabled'),
      ],
    },
    {
      title: 'generate with adapters',
      options: { ...FAST, models: ['tiny-chat', 'tiny-alias'], loras: ['lora-a'] },
      cases: [
        ...shaped('alias-chat', 'lora-chat', 'lora-get-models'),
        ...exact('lora-load', 'lora-load-again', 'lora-load-missing-name', 'lora-load-missing-path'),
        ...shaped('lora-b-chat-stream', 'lora-get-models-after-load'),
        ...exact('lora-unload', 'lora-unload-unknown', 'lora-chat-after-unload'),
      ],
    },
    {
      title: 'pooling',
      options: { ...FAST, models: ['tiny-embed'], kind: 'pooling', apiKey: 'sk-test' },
      cases: [
        ...shaped(
          'embeddings',
          'embeddings-list-base64',
          'embeddings-messages',
          'embeddings-tokens',
          'pooling',
          'score',
        ),
        ...shaped('v1-score', 'rerank', 'v1-rerank', 'v2-rerank', 'tokenize-no-key', 'pooling-health-no-key'),
        ...exact('pooling-no-key', 'pooling-bad-key', 'pooling-models-no-key', 'chat-on-pooling-model', 'classify'),
      ],
    },
    {
      title: 'transcription',
      options: { ...FAST, models: ['tiny-whisper'], kind: 'transcription' },
      cases: [],
    },
  ];

for (const { title, options, cases } of GROUPS) {
  describe(`the simulated engine answers as vLLM did: ${title}`, () => {
    let engine: Engine;
    before(async () => {
      engine = await startEngine(options);
    });
    after(() => engine.stop());
    for (const { name, exact: whole } of cases) {
      it(name, async () => {
        const recording = loadRecording(name);
        const method = recording.request.toString('latin1').split(' ', 1)[0]!;
        const expected = parseResponse(recording.response, method, true)!;
        const client = await RawClient.open(engine.url);
        client.send(recording.request);
        const actual = await client.response(method);
        assert.equal(actual.status, expected.status);
        assert.equal(actual.framing, expected.framing);
        assert.deepEqual(headerShape(actual.rawHeaders), headerShape(expected.rawHeaders));
        if (whole) assert.equal(actual.body.toString(), expected.body.toString());
        else assert.deepEqual(bodyShape(actual), bodyShape(expected));
        assert.ok(actual.clean);
        if (recording.end === 'fin') assert.equal(await client.closed(), 'fin');
        else assert.equal(client.end, 'open');
        client.destroy();
      });
    }
  });
}
