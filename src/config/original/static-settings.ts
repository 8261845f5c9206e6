import { normaliseUrl } from '../url.ts';
import { csv } from './csv.ts';
import { SettingError } from './setting-error.ts';
import type { Values, Write } from './settings.ts';

const MODEL_TYPES = ['chat', 'completion', 'embeddings', 'rerank', 'score', 'transcription', 'vision', 'messages'];

interface Backend {
  readonly url: string;
  readonly models: string[];
  readonly labels: Record<string, string>;
}

/**
 * The `--static-*` lists as the source `cli`. The same URL with several models is one backend that serves them all; the
 * original made one endpoint for each.
 */
export function staticSource(values: Values, write: Write, complete: boolean): void {
  const urls = csv(values.get('static-backends'));
  const models = csv(values.get('static-models'));
  const labels = csv(values.get('static-model-labels'));
  if (urls.length === 0)
    throw new SettingError('service-discovery', '--service-discovery static needs --static-backends');
  if (models.length === 0 && complete)
    throw new SettingError('service-discovery', '--service-discovery static needs --static-models');
  sameLength('static-models', models, urls);
  sameLength('static-model-labels', labels, urls);
  const types = csv(values.get('static-model-types'));
  for (const type of types) {
    if (!MODEL_TYPES.includes(type)) {
      throw new SettingError(
        'static-model-types',
        `--static-model-types: '${type}' is not one of ${MODEL_TYPES.join(', ')}`,
      );
    }
  }
  const backends = new Map<string, Backend>();
  for (const [index, url] of urls.entries()) {
    const key = normaliseUrl(url) ?? url;
    const backend = backends.get(key) ?? { url, models: [], labels: {} };
    const model = models[index];
    if (model !== undefined && !backend.models.includes(model)) backend.models.push(model);
    if (labels[index] !== undefined) Object.assign(backend.labels, labelsOf(labels[index], values));
    backends.set(key, backend);
  }
  const list = ['discovery', 'cli', 'backends'];
  write(list, [], 'static-backends');
  for (const [index, backend] of [...backends.values()].entries()) {
    write([...list, index], { url: backend.url }, 'static-backends');
    if (backend.models.length > 0) write([...list, index, 'models'], backend.models, 'static-models');
    if (labels.length > 0) write([...list, index, 'labels'], backend.labels, 'static-model-labels');
  }
}

/** `model` is the label's name in Kubernetes too; the role lets several labels stand for one side of disaggregation. */
function labelsOf(label: string, values: Values): Record<string, string> {
  const role = ['prefill', 'decode'].find((name) => csv(values.get(`${name}-model-labels`)).includes(label));
  return { model: label, ...(role !== undefined && { role }) };
}

function sameLength(name: string, list: readonly string[], urls: readonly string[]): void {
  if (list.length === 0 || list.length === urls.length) return;
  const missing =
    list.length < urls.length
      ? `nothing for ${urls.slice(list.length).join(', ')}`
      : `no URL for ${list.slice(urls.length).join(', ')}`;
  throw new SettingError(
    name,
    `--${name} has ${list.length} ${list.length === 1 ? 'entry' : 'entries'} and --static-backends ${urls.length}: ${missing}`,
  );
}

/** `--static-aliases` as `models.aliases`; the original knew them with static backends only. */
export function staticAliases(values: Values, write: Write): void {
  const models = csv(values.get('static-models'));
  for (const pair of csv(values.get('static-aliases'))) {
    const [alias, model] = splitAlias(pair, models);
    if (!alias || !model)
      throw new SettingError('static-aliases', `--static-aliases: expected ALIAS:MODEL, got '${pair}'`);
    write(['models', 'aliases', alias], model, 'static-aliases');
  }
}

/** Names may hold colons themselves (`llama3:8b`): a split that leaves a known model wins, else the first colon counts. */
function splitAlias(pair: string, models: readonly string[]): readonly [string, string] {
  for (let at = pair.indexOf(':'); at >= 0; at = pair.indexOf(':', at + 1)) {
    const model = pair.slice(at + 1).trim();
    if (models.includes(model)) return [pair.slice(0, at).trim(), model];
  }
  const at = pair.indexOf(':');
  return at < 0 ? [pair, ''] : [pair.slice(0, at).trim(), pair.slice(at + 1).trim()];
}
