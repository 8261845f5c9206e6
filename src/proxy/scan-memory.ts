import { JSON_STRINGS_WASM } from './json-strings-wasm.ts';

/** The part of the global that is used here: without the DOM's types TypeScript knows none of it. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
};

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  stringEnd(at: number, end: number): number;
}

const PAGE = 65_536;

const module = new WebAssembly.Module(Buffer.from(JSON_STRINGS_WASM, 'base64'));
const { memory, stringEnd } = new WebAssembly.Instance(module).exports as unknown as Exports;

/** The memory of the module in json-strings.wat, laid out as its head says. Pages that nothing has touched cost nothing. */
export const SCAN_MEMORY = memory.buffer;
/** Bytes of a body that are copied in at a time, to its beginning. */
export const WINDOW = 16 * PAGE;
/** Where bodies may be received, to be scanned in place. */
export const SLABS = { start: 17 * PAGE, end: (17 + 512) * PAGE } as const;

/** As in json-strings.wat; offsets in the memory. */
export const scanString: Exports['stringEnd'] = stringEnd;
