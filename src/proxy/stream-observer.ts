import { type ApiKind, STREAM_WORDS } from './api-kind.ts';
import { parseUsage, type Usage } from './usage.ts';

/** vLLM writes errors with a space behind the colon and chunks without: neither form may be counted on. */
const ERROR = '"error"';
const ABORTED = /"finish_reason": ?"abort"/;
const DATA = 'data:';

export interface EventError {
  readonly code?: unknown;
  readonly message?: unknown;
  readonly type?: unknown;
}

/** Reads along with a stream of server-sent events: did it finish, did it fail, what did it use. Costs 0.3 µs an event. */
export class StreamObserver {
  readonly #kind: ApiKind;
  readonly #choices: number;
  /** Choices, or whole answers, that the engine says it finished. */
  finishes = 0;
  /** The engine sent an error event, or aborted the request itself. */
  failed = false;
  aborted = false;
  usage: Usage | undefined;

  /** `choices`: how many were asked for, each of which must be seen to finish. */
  constructor(kind: ApiKind, choices = 1) {
    this.#kind = kind;
    this.#choices = kind === 'chat' ? choices : 1;
  }

  /** A stream of this kind needs proof of its end; others are complete when their framing is. */
  get complete(): boolean {
    return this.#kind === 'other' || this.finishes >= this.#choices;
  }

  /** `text` is whole events, with or without their chunk framing, their bytes as latin1. */
  observe(text: string): void {
    const words = STREAM_WORDS[this.#kind];
    for (const word of words.finished) {
      let at = text.indexOf(word);
      if (at < 0) continue;
      for (; at >= 0; at = text.indexOf(word, at + word.length)) this.finishes++;
      this.aborted ||= ABORTED.test(text);
    }
    if (words.usage !== undefined && text.includes(words.usage)) this.usage = parseUsage(text) ?? this.usage;
    if (!this.failed && text.includes(ERROR)) this.failed = eventErrors(text).some((error) => error !== undefined);
  }
}

/** The `error` member of a JSON text, when it is an object; a model's own text may hold the word, escaped or deeper. */
export function topLevelError(text: string): EventError | undefined {
  try {
    const value = JSON.parse(text) as { error?: unknown } | null;
    return typeof value?.error === 'object' && value.error !== null ? value.error : undefined;
  } catch {
    return undefined;
  }
}

/** The error that the first event of a stream carries: with vLLM that is how a refused stream looks, behind a 200. `events` as latin1. */
export function firstEventError(events: string): EventError | undefined {
  return events.includes(ERROR) ? eventErrors(Buffer.from(events, 'latin1').toString('utf8'))[0] : undefined;
}

/** Of every `data:` line its error, if it is one. */
function eventErrors(text: string): (EventError | undefined)[] {
  const errors: (EventError | undefined)[] = [];
  let at = text.indexOf(DATA);
  while (at >= 0) {
    const end = text.indexOf('\n', at);
    const line = text.slice(at + DATA.length, end < 0 ? text.length : end);
    errors.push(line.includes(ERROR) ? topLevelError(line) : undefined);
    at = end < 0 ? -1 : text.indexOf(DATA, end);
  }
  return errors;
}
