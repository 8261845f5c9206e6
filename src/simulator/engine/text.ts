/**
 * What the engine "generates": token `n` of choice `index` of a prompt is a pure function of these, so that a test can check
 * every byte of a stream, whichever engine it came from. Each word is one token of four UTF-8 bytes: a chat's next turn that
 * carries the answer finds its blocks in the cache.
 */
export interface Word {
  readonly text: string;
  /** As it stands inside a JSON string. */
  readonly json: string;
  /** UTF-8 bytes of `json`. */
  readonly bytes: number;
}

/** `system_fingerprint` of every answer. */
export const FINGERPRINT = 'vllm-0.32.0-51313131';

export type Vocabulary = readonly Word[];

/** A power of two, so that a word is picked by a mask. */
const SIZE = 256;

function word(text: string): Word {
  const json = JSON.stringify(text).slice(1, -1);
  return { text, json, bytes: Buffer.byteLength(json) };
}

function asciiWords(): Vocabulary {
  const words: Word[] = [];
  for (const a of 'bdfgklmn') for (const b of 'aeio') for (const c of 'lmnprstv') words.push(word(` ${a}${b}${c}`));
  return words;
}

/** Every kind of character that a careless cut or escape would break. */
function unicodeWords(): Vocabulary {
  const odd = [
    '😀',
    '🇳',
    ' жa',
    'éè',
    '日o',
    ' “',
    '"a"b',
    '\\n\\t',
    '\n\n- ',
    '\t{}:',
    ' </s',
    ' ñ!',
    '…x',
    'data',
    ' [DO',
    'NE]\n',
  ];
  return asciiWords().map((plain, i) => (i % 4 === 0 ? word(odd[(i / 4) % odd.length]!) : plain));
}

export const VOCABULARIES: Readonly<Record<'ascii' | 'unicode', Vocabulary>> = {
  ascii: asciiWords(),
  unicode: unicodeWords(),
};

/** Spreads (prompt, seed, choice) over 32 bits, so that near keys give unlike texts. */
export function textKey(promptKey: number, seed: number, index: number): number {
  return mix(promptKey ^ Math.imul(seed | 0, 0x9e37_79b1) ^ Math.imul(index, 0x85eb_ca6b));
}

export function wordAt(vocabulary: Vocabulary, key: number, n: number): Word {
  return vocabulary[mix(key + Math.imul(n, 0x9e37_79b1)) & (SIZE - 1)]!;
}

export function wordsOf(vocabulary: Vocabulary, key: number, count: number): string {
  let text = '';
  for (let n = 0; n < count; n++) text += wordAt(vocabulary, key, n).text;
  return text;
}

function mix(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x7feb_352d);
  h = Math.imul(h ^ (h >>> 15), 0x846c_a68b);
  return (h ^ (h >>> 16)) >>> 0;
}
