import type { EngineModel } from '../simulator/replay/engine.ts';
import { parseDuration } from '../units.ts';
import { EXIT } from './argv.ts';

/** An option of `simulate` that cannot be followed. */
export class SettingError extends Error {
  readonly exitCode: number;
  constructor(message: string, exitCode: number = EXIT.usage) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** Around the rate that a workload comes with. */
const DEFAULT_RATES = [0.5, 0.75, 1, 1.25, 1.5, 2];

/** Names of `--engine`, in the order help lists them. */
const ENGINE_SETTINGS: readonly (keyof EngineModel)[] = [
  'beta0',
  'beta1',
  'beta2',
  'stepTokens',
  'maxSequences',
  'cacheTokens',
];

/** `10,20` in requests a second, `1x,2x` as multiples of the workload's own rate. */
export function rates(text: string | undefined, own: number): number[] {
  if (text === undefined) return DEFAULT_RATES.map((factor) => factor * own);
  return text.split(',').map((item) => {
    const match = /^\s*(\d+(?:\.\d+)?)(x?)\s*$/.exec(item);
    const rate = match === null ? 0 : Number(match[1]) * (match[2] === 'x' ? own : 1);
    if (rate <= 0) throw new SettingError(`--rate: '${item}' is no rate such as 20 or 1.5x`);
    return rate;
  });
}

/** `beta1=0.05,cacheTokens=800000` over the given model. */
export function engineModel(text: string | undefined, base: EngineModel): EngineModel {
  if (text === undefined) return base;
  const changed: Partial<Record<keyof EngineModel, number>> = {};
  for (const item of text.split(',')) {
    const [name = '', value = ''] = item.split('=').map((part) => part.trim());
    const setting = ENGINE_SETTINGS.find((known) => known === name);
    const number = Number(value);
    if (setting === undefined || value === '' || !(number >= 0)) {
      throw new SettingError(`--engine: '${item}' is no ${ENGINE_SETTINGS.join('=N, ')}=N`);
    }
    changed[setting] = number;
  }
  const model = { ...base, ...changed };
  const { stepTokens, maxSequences, beta0, beta1 } = model;
  // Each decoding sequence takes one token of a step; without one left no prompt would ever begin.
  if (stepTokens <= maxSequences) throw new SettingError('--engine: stepTokens must be more than maxSequences');
  if (maxSequences < 1 || beta0 + beta1 <= 0)
    throw new SettingError('--engine: an engine must take time and sequences');
  return model;
}

/** A whole number from 1 on. */
export function positive(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new SettingError(`--${name}: '${text}' is no whole number from 1 on`);
  return value;
}

/** ms */
export function settingDuration(name: string, text: string): number {
  const value = parseDuration(text);
  if (value === undefined || value === 0)
    throw new SettingError(`--${name}: '${text}' is no duration such as 500ms or 2s`);
  return value;
}
