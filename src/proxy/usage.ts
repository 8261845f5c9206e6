/** Tokens as the engine counted them; the only truth about tokens there is (one event may hold several). */
export interface Usage {
  readonly promptTokens: number;
  readonly completionTokens: number;
  /** Undefined where the engine does not say. */
  readonly cachedTokens: number | undefined;
}

const USAGE = '"usage":';

/** Takes the last `usage` object out of (the end of) a JSON answer or an event, read as latin1: it holds numbers only. */
export function parseUsage(json: string): Usage | undefined {
  const at = json.lastIndexOf(USAGE);
  if (at < 0) return undefined;
  // vLLM's usage with all details is some 300 bytes.
  const text = json.slice(at + USAGE.length, at + USAGE.length + 2_000).trimStart();
  const end = objectEnd(text);
  if (end < 0) return undefined;
  try {
    return fromObject(JSON.parse(text.slice(0, end)) as Record<string, unknown>);
  } catch {
    return undefined;
  }
}

function fromObject(usage: Record<string, unknown>): Usage | undefined {
  const prompt = count(usage.prompt_tokens ?? usage.input_tokens);
  const completion = count(usage.completion_tokens ?? usage.output_tokens) ?? 0;
  if (prompt === undefined) return undefined;
  const details = (usage.prompt_tokens_details ?? usage.input_tokens_details) as
    | Record<string, unknown>
    | null
    | undefined;
  return {
    promptTokens: prompt,
    completionTokens: completion,
    cachedTokens: count(details?.cached_tokens ?? usage.cache_read_input_tokens),
  };
}

function count(value: unknown): number | undefined {
  return typeof value === 'number' && value >= 0 ? value : undefined;
}

/** Index behind the brace that closes the object `text` begins with; usage holds no strings with braces. */
function objectEnd(text: string): number {
  if (text[0] !== '{') return -1;
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '{') depth++;
    else if (text[at] === '}' && --depth === 0) return at + 1;
  }
  return -1;
}
