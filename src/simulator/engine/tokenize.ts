import type { Exchange } from './exchange.ts';
import { textOfTokens, tokensOfBytes } from './prompt.ts';
import { badRequest, jsonBody, modelOf } from './request.ts';
import { chatText } from './template.ts';

/** `POST /tokenize`: a prompt or a conversation. */
export function tokenize(exchange: Exchange): void {
  const body = jsonBody(exchange, []);
  modelOf(exchange, body);
  const text = Array.isArray(body['messages']) ? chatText(body['messages']) : String(body['prompt'] ?? '');
  const tokens = tokensOfBytes(Buffer.from(text));
  exchange.json(200, {
    count: tokens.length,
    max_model_len: exchange.host.settings.maxModelLen,
    tokens,
    token_strs: body['return_token_strs'] === true ? tokens.map((id) => textOfTokens([id])) : null,
  });
}

/** `POST /detokenize`. */
export function detokenize(exchange: Exchange): void {
  const body = jsonBody(exchange, ['tokens']);
  modelOf(exchange, body);
  const prompt = Array.isArray(body['tokens']) ? textOfTokens(body['tokens']) : undefined;
  if (prompt === undefined) throw badRequest('tokens must be a list of token ids', 'tokens');
  exchange.json(200, { prompt });
}
