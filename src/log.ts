import { pino } from 'pino';
import { escapeJson, type Fields, jsonFields, jsonLine, redact, textLine } from './log-line.ts';
import { LogSink } from './log-sink.ts';

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal';

export interface LogSettings {
  readonly level: LogLevel;
  readonly format: 'json' | 'text';
}

export interface LogOptions extends LogSettings {
  /** File descriptor, 1 unless told. */
  readonly destination?: number;
}

interface LogMethod {
  (message: string): void;
  /** `err` is the name for an Error among the fields. */
  (fields: object, message: string): void;
}

/** Everything below the pipeline needs only these; a test's fake is four functions. */
export interface Log {
  readonly trace: LogMethod;
  readonly debug: LogMethod;
  readonly info: LogMethod;
  readonly warn: LogMethod;
  readonly error: LogMethod;
  readonly fatal: LogMethod;
}

export interface Logger extends Log {
  /**
   * A line at `info` for something that happens with every request: 2 µs with the writing, where pino with its buffer takes 12. It is
   * written within 250 ms, the others at once. `json` makes the same fields as `,"name":value…`, for those who can do it faster.
   */
  perRequest(message: string, fields: () => Fields, json?: () => string): void;
  /** Takes effect with the next line. */
  configure(settings: LogSettings): void;
  /** For the last moments of a process that cannot wait. */
  flushSync(): void;
  /** Resolves when all is written, after a second at most; lines after it are lost. */
  close(): Promise<void>;
}

/** Secrets never pass: members named authorization, x-api-key, cookie, apiKey are redacted however deep they stand. */
export function createLogger(options: LogOptions): Logger {
  let { format } = options;
  const sink = new LogSink(options.destination ?? 1);
  const write = (line: string) => {
    sink.write(format === 'json' ? escapeJson(line) : toText(line));
    // Behind a fatal line the process may be gone before another thread has written it.
    if (line.startsWith('{"level":"fatal"')) sink.flushSync();
    else sink.flush();
  };
  const base = pino(
    {
      level: options.level,
      base: null,
      timestamp: () => `,"time":"${isoNow()}"`,
      formatters: {
        level: (level) => ({ level }),
        log: (fields) => redact(fields) as Record<string, unknown>,
      },
      // `redact` has made a plain object of it already.
      serializers: { err: (err: unknown) => err },
    },
    { write },
  );
  const method = (level: LogLevel): LogMethod => {
    return (first: string | object, message?: string) => {
      if (typeof first === 'string') base[level](first);
      else base[level](first, message);
    };
  };
  return {
    trace: method('trace'),
    debug: method('debug'),
    info: method('info'),
    warn: method('warn'),
    error: method('error'),
    fatal: method('fatal'),
    perRequest(message, fields, json = () => jsonFields(fields())) {
      if (!base.isLevelEnabled('info')) return;
      if (format === 'json') sink.write(jsonLine(isoNow(), 'info', message, json()));
      else sink.write(textLine(isoNow(), 'info', message, fields()));
    },
    configure(settings) {
      base.level = settings.level;
      format = settings.format;
    },
    flushSync: () => sink.flushSync(),
    close: () => sink.close(),
  };
}

function toText(line: string): string {
  const record = JSON.parse(line) as Record<string, unknown> & { level: string; time: string; msg?: string };
  const { level, time, msg, ...fields } = record;
  const err = fields['err'] as { type?: unknown; message?: unknown; stack?: unknown } | undefined;
  if (typeof err?.message === 'string') {
    // Where it came from is of interest when it is our fault; an engine that refuses a connection has no use for it.
    if (level === 'error' || level === 'fatal') fields['stack'] = err.stack;
    fields['err'] = `${err.type}: ${err.message}`;
  }
  return textLine(time, level, msg ?? '', fields);
}

let second = 0;
let prefix = '';

/** ISO 8601 with milliseconds; all but those are kept for a second, because toISOString costs 0.3 µs. */
function isoNow(): string {
  const now = Date.now();
  const whole = Math.floor(now / 1000);
  if (whole !== second) {
    second = whole;
    prefix = new Date(whole * 1000).toISOString().slice(0, 20);
  }
  const ms = now - whole * 1000;
  return `${prefix}${ms < 10 ? '00' : ms < 100 ? '0' : ''}${ms}Z`;
}
