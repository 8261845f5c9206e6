import type { EngineModel } from './engine.ts';

/** One probe's outcome: a prompt of so many tokens had its first token after so many ms. */
export interface PrefillProbe {
  readonly promptTokens: number;
  readonly ttft: number;
}

/** With so many sequences decoding at once, a token took so many ms. */
export interface DecodeProbe {
  readonly sequences: number;
  readonly perToken: number;
}

/** A probe's request to the engine; both reject when it cannot be answered. */
export interface Prober {
  /** A prompt that nobody has sent before, of about so many tokens, and one token of answer. */
  prefill(tokens: number): Promise<PrefillProbe>;
  /** So many short prompts at once, and answers of so many tokens. */
  decode(sequences: number, tokens: number): Promise<DecodeProbe>;
}

const PROMPTS = [256, 1024, 2048, 4096];
const SEQUENCES = [1, 4, 8, 16];
const ANSWER = 48;
const REPEATS = 3;

/**
 * The step times of a running engine, from some thirty requests to it while it is idle: β1 is what one more prompt token
 * adds to the first token's time, β0 and β2 what a decode step takes alone and with each further sequence.
 */
export async function calibrate(prober: Prober): Promise<Pick<EngineModel, 'beta0' | 'beta1' | 'beta2'>> {
  const prefills: PrefillProbe[] = [];
  for (const tokens of PROMPTS) {
    // The first request of a size may compile kernels; the quickest of a few is the engine's own time.
    const probes: PrefillProbe[] = [];
    for (let count = 0; count < REPEATS; count++) probes.push(await prober.prefill(tokens));
    prefills.push(probes.reduce((best, probe) => (probe.ttft < best.ttft ? probe : best)));
  }
  const decodes: DecodeProbe[] = [];
  for (const sequences of SEQUENCES) decodes.push(await prober.decode(sequences, ANSWER));
  return fit(prefills, decodes);
}

/** Least squares; what noise makes negative is 0. */
export function fit(
  prefills: readonly PrefillProbe[],
  decodes: readonly DecodeProbe[],
): Pick<EngineModel, 'beta0' | 'beta1' | 'beta2'> {
  const prompt = line(prefills.map(({ promptTokens, ttft }) => [promptTokens, ttft]));
  const decode = line(decodes.map(({ sequences, perToken }) => [sequences, perToken]));
  return {
    beta0: Math.max(0, decode.intercept),
    beta1: Math.max(0, prompt.slope),
    beta2: Math.max(0, decode.slope),
  };
}

function line(points: readonly (readonly [x: number, y: number])[]): { slope: number; intercept: number } {
  const meanX = points.reduce((sum, [x]) => sum + x, 0) / points.length;
  const meanY = points.reduce((sum, [, y]) => sum + y, 0) / points.length;
  let above = 0;
  let below = 0;
  for (const [x, y] of points) {
    above += (x - meanX) * (y - meanY);
    below += (x - meanX) ** 2;
  }
  const slope = below === 0 ? 0 : above / below;
  return { slope, intercept: meanY - slope * meanX };
}
