import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import Anthropic from '@anthropic-ai/sdk';
import { ChatOpenAI } from '@langchain/openai';
import { generateText, jsonSchema, streamText, type ToolSet, tool } from 'ai';
import OpenAI, { toFile } from 'openai';
import { type Engine, startEngine } from '../../src/simulator/engine/engine.ts';
import { configFor, type SpawnedRouter, spawnRouter } from '../fakes/spawn-router.ts';
import { eventually } from './fleet.ts';

const MODEL = 'org/chat';
let chatEngine: Engine;
let embedder: Engine;
let whisper: Engine;
let router: SpawnedRouter;
let openai: OpenAI;
let anthropic: Anthropic;

before(async () => {
  chatEngine = await startEngine({ models: [MODEL] });
  embedder = await startEngine({ models: ['embed'], kind: 'pooling' });
  whisper = await startEngine({ models: ['whisper'], kind: 'transcription' });
  const backends = [chatEngine, embedder, whisper].map(({ url }) => ({ url }));
  const models = { aliases: { 'gpt-4o-mini': MODEL } };
  router = await spawnRouter({ config: configFor(backends, { models, logging: { format: 'json' } }) });
  openai = new OpenAI({ baseURL: `${router.url}/v1`, apiKey: 'none', maxRetries: 0 });
  anthropic = new Anthropic({ baseURL: router.url, apiKey: 'none', maxRetries: 0 });
  await eventually(async () => (await openai.models.list()).data.length === 3);
});
after(async () => {
  await router.stop('SIGKILL');
  await Promise.all([chatEngine, embedder, whisper].map((engine) => engine.kill()));
});

const messages = [{ role: 'user' as const, content: 'Say hello to the router.' }];
const weather = {
  type: 'function' as const,
  function: {
    name: 'weather',
    description: 'the weather',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
};

describe('openai for Node', () => {
  test('chat, streamed and not, with usage', async () => {
    const answer = await openai.chat.completions.create({ model: MODEL, messages, max_tokens: 5 });
    assert.equal(answer.choices[0]!.finish_reason, 'length');
    assert.equal(answer.usage!.completion_tokens, 5);
    assert.equal(typeof answer._request_id, 'string');
    const stream = await openai.chat.completions.create({
      model: MODEL,
      messages,
      max_tokens: 5,
      stream: true,
      stream_options: { include_usage: true },
    });
    let text = '';
    let tokens: number | undefined;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? '';
      tokens = chunk.usage?.completion_tokens ?? tokens;
    }
    assert.equal(text, answer.choices[0]!.message.content);
    assert.equal(tokens, 5);
  });

  test('an alias is served under its name', async () => {
    const answer = await openai.chat.completions.create({ model: 'gpt-4o-mini', messages, max_tokens: 2 });
    assert.equal(answer.choices.length, 1);
    assert.equal(chatEngine.requests.findLast(({ model }) => model !== undefined)!.model, MODEL);
  });

  test('tools', async () => {
    const answer = await openai.chat.completions.create({
      model: MODEL,
      messages,
      tools: [weather],
      tool_choice: { type: 'function', function: { name: 'weather' } },
    });
    const call = answer.choices[0]!.message.tool_calls![0]!;
    assert.ok(call.type === 'function' && call.function.name === 'weather');
    const stream = openai.chat.completions.stream({
      model: MODEL,
      messages,
      tools: [weather],
      tool_choice: { type: 'function', function: { name: 'weather' } },
    });
    assert.equal((await stream.finalChatCompletion()).choices[0]!.message.tool_calls!.length, 1);
  });

  test('errors are the SDK’s errors, of the router and of the engine', async () => {
    await assert.rejects(openai.chat.completions.create({ model: 'none', messages }), (error) => {
      assert.ok(error instanceof OpenAI.NotFoundError);
      assert.equal(error.code, 'model_not_found');
      assert.match(error.message, /Model 'none' not found/);
      return true;
    });
    await assert.rejects(
      openai.chat.completions.create({ model: MODEL, messages, max_tokens: -1 }),
      OpenAI.BadRequestError,
    );
    await assert.rejects(openai.embeddings.create({ model: MODEL, input: 'x' }), OpenAI.NotFoundError);
  });

  test('a broken stream is an error, never a success', async () => {
    for (const fault of [
      { kind: 'cut', at: 2, how: 'rst' },
      { kind: 'no-done', at: 2 },
      { kind: 'crash', at: 2 },
    ] as const) {
      chatEngine.faults.set(fault);
      const stream = await openai.chat.completions.create({ model: MODEL, messages, max_tokens: 20, stream: true });
      await assert.rejects(async () => {
        for await (const _ of stream);
      });
    }
    chatEngine.faults.clear();
  });

  test('abort stops the engine’s work, streamed or not', async () => {
    for (const stream of [false, true]) {
      const abort = new AbortController();
      const asked = { model: MODEL, messages, max_tokens: 4_000 };
      const running = stream
        ? openai.chat.completions.create({ ...asked, stream: true }, { signal: abort.signal }).then(async (events) => {
            for await (const _ of events) abort.abort();
          })
        : openai.chat.completions.create(asked, { signal: abort.signal });
      const ended = running.catch(() => {});
      await eventually(() => chatEngine.running === 1 || stream);
      if (!stream) abort.abort();
      await ended;
      await eventually(() => chatEngine.running === 0);
      assert.equal(chatEngine.requests.findLast(({ method }) => method === 'POST')!.outcome, 'aborted');
    }
    await eventually(async () =>
      /vllm_router_inflight_requests\{[^}]*\} 0/.test(await (await fetch(`${router.url}/metrics`)).text()),
    );
  });

  test('models are listed and retrieved, with slashes in their names', async () => {
    const ids = (await openai.models.list()).data.map(({ id }) => id).sort();
    assert.deepEqual(ids, ['embed', MODEL, 'whisper']);
    assert.equal((await openai.models.retrieve(MODEL)).id, MODEL);
    await assert.rejects(openai.models.retrieve('none'), OpenAI.NotFoundError);
  });

  test('responses', async () => {
    const answer = await openai.responses.create({ model: MODEL, input: 'Say hello.', max_output_tokens: 6 });
    assert.equal(answer.object, 'response');
    const kinds: string[] = [];
    const stream = await openai.responses.create({
      model: MODEL,
      input: 'Say hello.',
      max_output_tokens: 6,
      stream: true,
    });
    for await (const event of stream) kinds.push(event.type);
    assert.equal(kinds[0], 'response.created');
    assert.match(kinds.at(-1)!, /^response\.(completed|incomplete)$/);
  });

  test('completions, embeddings', async () => {
    const answer = await openai.completions.create({ model: MODEL, prompt: ['a', 'b'], max_tokens: 3 });
    assert.equal(answer.choices.length, 2);
    const { data } = await openai.embeddings.create({ model: 'embed', input: ['x', 'y'] });
    assert.equal(data.length, 2);
    assert.ok(data[0]!.embedding.length > 0);
  });

  test('transcription: the multipart body reaches the engine as it was sent', async () => {
    const audio = Buffer.alloc(300_000, Uint8Array.from([0, 13, 10, 45, 45, 255, 7]));
    const sums: string[] = [];
    const recording: typeof fetch = async (input, init) => {
      const request = new Request(input, init);
      sums.push(
        createHash('sha256')
          .update(Buffer.from(await request.clone().arrayBuffer()))
          .digest('hex'),
      );
      return fetch(request);
    };
    const client = new OpenAI({ baseURL: `${router.url}/v1`, apiKey: 'none', maxRetries: 0, fetch: recording });
    const file = await toFile(audio, 'a.wav', { type: 'audio/wav' });
    const answer = await client.audio.transcriptions.create({ model: 'whisper', file, language: 'de' });
    assert.equal(typeof answer.text, 'string');
    const got = whisper.requests.findLast(({ method }) => method === 'POST')!;
    assert.equal(createHash('sha256').update(got.body!).digest('hex'), sums.at(-1));
  });
});

describe('@anthropic-ai/sdk', () => {
  const asked = { model: MODEL, messages, max_tokens: 6 };

  test('messages, streamed and not, count_tokens', async () => {
    const answer = await anthropic.messages.create(asked);
    assert.equal(answer.type, 'message');
    assert.equal(answer.usage.output_tokens, 6);
    assert.equal(typeof answer._request_id, 'string');
    const stream = anthropic.messages.stream(asked);
    const final = await stream.finalMessage();
    assert.deepEqual(final.content, answer.content);
    assert.ok((await anthropic.messages.countTokens({ model: MODEL, messages })).input_tokens > 0);
  });

  test('errors and broken streams', async () => {
    await assert.rejects(anthropic.messages.create({ ...asked, model: 'none' }), Anthropic.NotFoundError);
    chatEngine.faults.set({ kind: 'cut', at: 3, how: 'fin' });
    await assert.rejects(async () => {
      for await (const _ of await anthropic.messages.create({ ...asked, max_tokens: 30, stream: true }));
    });
    chatEngine.faults.clear();
  });
});

describe('ai with @ai-sdk/openai-compatible', () => {
  const provider = () => createOpenAICompatible({ name: 'router', baseURL: `${router.url}/v1` });

  test('text, streamed and not, tools', async () => {
    const model = provider().chatModel(MODEL);
    const { text } = await generateText({ model, prompt: 'Say hello.', maxOutputTokens: 5, maxRetries: 0 });
    assert.ok(text.length > 0);
    let streamed = '';
    for await (const part of streamText({ model, prompt: 'Say hello.', maxOutputTokens: 5, maxRetries: 0 })
      .textStream) {
      streamed += part;
    }
    assert.equal(streamed, text);
    const inputSchema = jsonSchema<{ city: string }>(weather.function.parameters as never);
    const tools = { weather: tool({ inputSchema }) } as ToolSet;
    const called = await generateText({
      model,
      prompt: 'x',
      tools,
      toolChoice: { type: 'tool', toolName: 'weather' },
      maxRetries: 0,
    });
    assert.equal(called.toolCalls[0]!.toolName, 'weather');
  });

  test('errors', async () => {
    const model = provider().chatModel('none');
    await assert.rejects(generateText({ model, prompt: 'x', maxRetries: 0 }), /Model 'none' not found/);
  });
});

describe('@langchain/openai', () => {
  const model = (name: string) =>
    new ChatOpenAI({
      model: name,
      apiKey: 'none',
      maxTokens: 5,
      maxRetries: 0,
      configuration: { baseURL: `${router.url}/v1` },
    });

  test('invoke, stream, errors', async () => {
    const answer = await model(MODEL).invoke('Say hello.');
    assert.ok(String(answer.content).length > 0);
    let text = '';
    for await (const chunk of await model(MODEL).stream('Say hello.')) text += String(chunk.content);
    assert.equal(text, answer.content);
    await assert.rejects(model('none').invoke('x'), /not found/);
  });
});
