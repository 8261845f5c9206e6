/** The part of the global that is used here: without the DOM's types TypeScript knows none of it. */
declare const WebAssembly: {
  readonly Memory: new (size: { readonly initial: number }) => { readonly buffer: ArrayBuffer };
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown };
};

const PAGE = 65_536;

/**
 * The memory that WebAssembly reads bodies in: large ones are received there, so that whoever reads them needs no copy. Between and behind
 * its parts lies a page each, since a load at the very end of one may read 16 bytes more. Pages that nothing has touched cost nothing.
 */
const memory = new WebAssembly.Memory({ initial: 534 });

export const BODY_MEMORY = memory.buffer;
/** Where the scanner of JSON strings copies other bodies to, a window at a time; offsets and lengths in bytes. */
export const SCAN_WINDOW = { start: 0, length: 16 * PAGE } as const;
/** Where large bodies are received. */
export const SLABS = { start: 17 * PAGE, length: 512 * PAGE } as const;
/** Where the prompts of other bodies are copied to be hashed. */
export const HASH_WINDOW = { start: 530 * PAGE, length: 2 * PAGE } as const;
/** What is between a hash and its continuation. */
export const HASH_STATE = 533 * PAGE;

/** The functions of a module that `npm run build:wasm` has made; they read this memory. */
export function instantiate(base64: string): unknown {
  return new WebAssembly.Instance(new WebAssembly.Module(Buffer.from(base64, 'base64')), { body: { memory } }).exports;
}
