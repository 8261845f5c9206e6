import { crc32 } from 'node:zlib';

/** Bytes that make one token: the tokenizer is nothing but a cut every four bytes, so equal prefixes are equal tokens. */
const TOKEN_BYTES = 4;

/** A prompt as the engine's core sees it. */
export interface Prompt {
  readonly bytes: Buffer;
  readonly tokens: number;
  /** Decides the generated text. */
  readonly key: number;
  /** Prompts of different salts (LoRA names, `cache_salt`) share no cache. */
  readonly salt: string;
}

export function promptOf(bytes: Buffer, salt = ''): Prompt {
  return { bytes, tokens: Math.ceil(bytes.length / TOKEN_BYTES), key: crc32(bytes), salt };
}

/** Token ids → the bytes they stand for; an id is its token's bytes, first byte lowest. Undefined: not a token id. */
export function bytesOfTokens(ids: readonly unknown[]): Buffer | undefined {
  const bytes = Buffer.alloc(ids.length * TOKEN_BYTES);
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i];
    if (!Number.isInteger(id) || (id as number) < 0 || (id as number) > 0xffff_ffff) return undefined;
    bytes.writeUInt32LE(id as number, i * TOKEN_BYTES);
  }
  return bytes;
}

export function tokensOfBytes(bytes: Buffer): number[] {
  const ids: number[] = [];
  for (let at = 0; at < bytes.length; at += TOKEN_BYTES) {
    const size = Math.min(TOKEN_BYTES, bytes.length - at);
    ids.push(bytes.readUIntLE(at, size));
  }
  return ids;
}

/** The text of token ids: the padding of a last, shorter token is dropped. */
export function textOfTokens(ids: readonly unknown[]): string | undefined {
  return bytesOfTokens(ids)?.toString().replaceAll('\0', '');
}

/**
 * Keys of the prompt's whole blocks. Each covers everything before it, so one lookup a block finds the longest common
 * prefix. The depth in the upper bits keeps a 32-bit collision from matching a block of another depth.
 */
export function blockKeys(bytes: Buffer, salt: string, blockSize: number): number[] {
  return chain([], bytes, salt === '' ? 0 : crc32(salt), blockSize);
}

/** Keys of a prompt with its answer: `bytes` is what follows the blocks of `keys`. */
export function extendKeys(keys: readonly number[], bytes: Buffer, salt: string, blockSize: number): number[] {
  if (keys.length === 0) return blockKeys(bytes, salt, blockSize);
  return chain([...keys], bytes, keys[keys.length - 1]! % DEPTH, blockSize);
}

/** The part of a prompt after its whole blocks. */
export function tailOf(bytes: Buffer, blockSize: number): Buffer {
  return bytes.subarray(bytes.length - (bytes.length % (blockSize * TOKEN_BYTES)));
}

const DEPTH = 0x1_0000_0000;

function chain(keys: number[], bytes: Buffer, start: number, blockSize: number): number[] {
  const size = blockSize * TOKEN_BYTES;
  let key = start;
  for (let at = 0; at + size <= bytes.length; at += size) {
    key = crc32(bytes.subarray(at, at + size), key);
    keys.push(key + (keys.length % 0x10_0000) * DEPTH);
  }
  return keys;
}
