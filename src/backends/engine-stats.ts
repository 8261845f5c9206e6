import { forEachLine } from './page-lines.ts';

/** What one `/metrics` page says; the scraper adds when and for whom. */
export interface EnginePage {
  readonly running: number;
  readonly waiting: number;
  readonly kvUsage: number;
  readonly prefixHits: number | undefined;
  readonly prefixQueries: number | undefined;
  /** Undefined where it does not say. */
  readonly sleeping: boolean | undefined;
  readonly blockSize: number | undefined;
  readonly cacheTokens: number | undefined;
}

/**
 * vLLM's names, newest first: `gpu_*` are those before 0.11 or so, `llamacpp:` is llama.cpp's server. llm-d-inference-sim
 * uses vLLM's and leaves out what it has not counted yet.
 */
const RUNNING = ['vllm:num_requests_running', 'llamacpp:requests_processing'];
const WAITING = ['vllm:num_requests_waiting', 'llamacpp:requests_deferred'];
const KV_USAGE = ['vllm:kv_cache_usage_perc', 'vllm:gpu_cache_usage_perc', 'llamacpp:kv_cache_usage_ratio'];
const HITS = [
  'vllm:prefix_cache_hits_total',
  'vllm:gpu_prefix_cache_hits_total',
  'llamacpp:prompt_tokens_cached_total',
];
const QUERIES = ['vllm:prefix_cache_queries_total', 'vllm:gpu_prefix_cache_queries_total'];
const LLAMA_UNCACHED = 'llamacpp:prompt_tokens_total';
const SLEEP_STATE = 'vllm:engine_sleep_state';
const CACHE_CONFIG = 'vllm:cache_config_info';

const WANTED: ReadonlySet<string> = new Set([
  ...[...RUNNING, ...WAITING, ...KV_USAGE, ...HITS, ...QUERIES],
  LLAMA_UNCACHED,
  SLEEP_STATE,
  CACHE_CONFIG,
]);

interface Sample {
  /** As written, without the braces; empty for none. */
  readonly labels: string;
  readonly value: number;
}

/**
 * Reads an engine's metrics page; undefined when it tells nothing of the engine's load. Under data parallelism there is a
 * series per rank: requests and tokens are added up, cache usage is their mean.
 */
export function parseEngineStats(text: string): EnginePage | undefined {
  const families = readFamilies(text);
  const running = sum(families, RUNNING);
  const waiting = sum(families, WAITING);
  if (running === undefined && waiting === undefined) return undefined;
  const usage = first(families, KV_USAGE);
  const hits = sum(families, HITS);
  return {
    running: running ?? 0,
    waiting: waiting ?? 0,
    kvUsage: usage === undefined ? 0 : total(usage) / usage.length,
    prefixHits: hits,
    prefixQueries: sum(families, QUERIES) ?? llamaQueries(families, hits),
    sleeping: families.get(SLEEP_STATE)?.some(({ labels, value }) => isAwake(labels) && value === 0),
    blockSize: labelNumber(families.get(CACHE_CONFIG)?.[0], 'block_size'),
    cacheTokens: cacheTokens(families.get(CACHE_CONFIG) ?? []),
  };
}

/** llama.cpp counts prompt tokens without the cached ones. */
function llamaQueries(families: ReadonlyMap<string, Sample[]>, hits: number | undefined): number | undefined {
  const uncached = families.get(LLAMA_UNCACHED);
  return uncached && total(uncached) + (hits ?? 0);
}

function isAwake(labels: string): boolean {
  return labels.includes('sleep_state="awake"');
}

/** vLLM 0.32 says it per rank; before, blocks, of which each rank's series names those of all. */
function cacheTokens(configs: readonly Sample[]): number | undefined {
  const sizes = configs.map((config) => labelNumber(config, 'kv_cache_size_tokens'));
  if (sizes.length > 0 && !sizes.includes(undefined)) return sizes.reduce((all, size) => all! + size!, 0);
  const blocks = labelNumber(configs[0], 'num_gpu_blocks');
  const tokens = labelNumber(configs[0], 'block_size');
  return blocks === undefined || tokens === undefined ? undefined : blocks * tokens;
}

/** The label's value; `None` and the like are no number. */
function labelNumber(sample: Sample | undefined, label: string): number | undefined {
  const text = sample && new RegExp(`(?:^|,)${label}="(\\d+)"`).exec(sample.labels)?.[1];
  return text === undefined ? undefined : Number(text);
}

/** One pass over the lines, most of which are buckets of histograms and left alone after their name. */
function readFamilies(text: string): Map<string, Sample[]> {
  const families = new Map<string, Sample[]>();
  forEachLine(text, (start, end) => {
    if (text.charCodeAt(start) !== 35 /* # */) readSample(text, start, end, families);
  });
  return families;
}

function readSample(text: string, start: number, end: number, families: Map<string, Sample[]>): void {
  let nameEnd = start;
  while (nameEnd < end && text[nameEnd] !== '{' && text[nameEnd] !== ' ') nameEnd++;
  const name = text.slice(start, nameEnd);
  if (!WANTED.has(name)) return;
  // Label values may hold braces, numbers may not.
  const labelsEnd = text[nameEnd] === '{' ? text.lastIndexOf('}', end) : nameEnd;
  if (labelsEnd < nameEnd) return;
  const value = Number.parseFloat(text.slice(labelsEnd + 1, end));
  if (!Number.isFinite(value)) return;
  const sample = { labels: text.slice(nameEnd + 1, labelsEnd), value };
  const family = families.get(name);
  if (family === undefined) families.set(name, [sample]);
  else family.push(sample);
}

function first(families: ReadonlyMap<string, Sample[]>, names: readonly string[]): readonly Sample[] | undefined {
  for (const name of names) if (families.has(name)) return families.get(name);
  return undefined;
}

function sum(families: ReadonlyMap<string, Sample[]>, names: readonly string[]): number | undefined {
  const samples = first(families, names);
  return samples && total(samples);
}

function total(samples: readonly Sample[]): number {
  return samples.reduce((all, { value }) => all + value, 0);
}
