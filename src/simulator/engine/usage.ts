import type { Generation } from './generation.ts';

/** Token counts of an answer, in the shapes that vLLM's APIs give them. */
export function usageOf(generation: Generation): { prompt: number; completion: number; cached: number } {
  // Every choice of one prompt counts that prompt once.
  const prompts = new Set(generation.sequences.map(({ prompt }) => prompt));
  let prompt = 0;
  for (const { tokens } of prompts) prompt += tokens;
  return { prompt, completion: generation.generated, cached: generation.cachedTokens };
}
