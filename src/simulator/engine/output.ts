import { textKey, type Vocabulary, type Word, wordAt, wordsOf } from './text.ts';

export type FinishReason = 'stop' | 'length' | 'tool_calls' | 'abort';

/** What one choice is going to say. */
export interface Output {
  readonly limit: number;
  readonly finish: FinishReason;
  at(n: number): Word;
  text(): string;
}

/** `limit` words of the vocabulary, chosen by prompt, seed and choice. */
export function spokenOutput(
  vocabulary: Vocabulary,
  promptKey: number,
  seed: number,
  index: number,
  limit: number,
  finish: FinishReason,
): Output {
  const key = textKey(promptKey, seed, index);
  return { limit, finish, at: (n) => wordAt(vocabulary, key, n), text: () => wordsOf(vocabulary, key, limit) };
}

/** A given text, four characters a token: tool arguments and structured output. */
export function fixedOutput(text: string, limit: number, finish: FinishReason): Output {
  const characters = [...text];
  const tokens = Math.max(1, Math.ceil(characters.length / 4));
  const count = Math.min(tokens, limit);
  const at = (n: number): Word => {
    const piece = characters.slice(n * 4, n * 4 + 4).join('');
    const json = JSON.stringify(piece).slice(1, -1);
    return { text: piece, json, bytes: Buffer.byteLength(json) };
  };
  return {
    limit: count,
    finish: count < tokens ? 'length' : finish,
    at,
    text: () => characters.slice(0, count * 4).join(''),
  };
}

/** A value that fits a JSON schema well enough for a client to read it: first enum member, required properties, plain defaults. */
export function sampleOf(schema: unknown, depth = 0): unknown {
  if (typeof schema !== 'object' || schema === null || depth > 8) return null;
  const node = schema as Record<string, unknown>;
  if (Array.isArray(node['enum']) && node['enum'].length > 0) return node['enum'][0];
  if ('const' in node) return node['const'];
  const type = Array.isArray(node['type']) ? node['type'][0] : node['type'];
  switch (type) {
    case 'string':
      return 'simulated';
    case 'integer':
    case 'number':
      return typeof node['minimum'] === 'number' ? node['minimum'] : 1;
    case 'boolean':
      return true;
    case 'null':
      return null;
    case 'array':
      return [sampleOf(node['items'], depth + 1)];
    default: {
      const properties = (node['properties'] ?? {}) as Record<string, unknown>;
      return Object.fromEntries(Object.entries(properties).map(([name, value]) => [name, sampleOf(value, depth + 1)]));
    }
  }
}
