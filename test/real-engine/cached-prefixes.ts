import type OpenAI from 'openai';

/** Odd, so that round-robin over two engines sends no conversation to the same one twice in a row. */
const CONVERSATIONS = 7;
const TURNS = 4;

/**
 * Turns of some conversations through the router: the share of prompt tokens that the engines had in their caches. Each `name` has
 * texts of its own, so that it begins with nothing cached. Engines must tell it: vLLM with `--enable-prompt-tokens-details`.
 */
export async function cachedShare(sdk: OpenAI, model: string, name: string): Promise<number> {
  let cached = 0;
  let prompt = 0;
  const conversations = Array.from({ length: CONVERSATIONS }, (_, index) => [story(`${name} ${index}`)]);
  for (let turn = 0; turn < TURNS; turn++) {
    for (const conversation of conversations) {
      const content = conversation.join(' ');
      const { usage } = await sdk.chat.completions.create({
        model,
        messages: [{ role: 'user', content }],
        max_tokens: 2,
      });
      cached += usage?.prompt_tokens_details?.cached_tokens ?? 0;
      prompt += usage?.prompt_tokens ?? 0;
      conversation.push(`And then, in turn ${turn}, what came of it?`);
    }
  }
  return cached / prompt;
}

/** Some 800 tokens, several blocks of a cache, that no other name's story begins with. */
function story(name: string): string {
  return Array.from({ length: 24 }, (_, line) => `The story of ${name}, line ${line}: they went on, and on.`).join(' ');
}
