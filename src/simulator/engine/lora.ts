import type { Exchange } from './exchange.ts';
import { jsonBody, Refusal } from './request.ts';

/** `POST /v1/load_lora_adapter`. Paths that contain `none` or `missing` do not exist. */
export function loadLora(exchange: Exchange): void {
  const { models } = exchange.host;
  const body = jsonBody(exchange, ['lora_name', 'lora_path']);
  const name = String(body['lora_name']);
  const path = String(body['lora_path']);
  if (!models.loraEnabled) {
    const cause = "Worker failed with error 'LoRA is not enabled. Use --enable-lora to enable LoRA.'";
    const message = `Call to add_lora method failed: ${cause}, please check the stack trace above for the root cause`;
    throw new Refusal(500, 'InternalServerError', message);
  }
  if (models.loras.has(name) && body['load_inplace'] !== true) {
    const hint = "If you want to load the adapter in place, set 'load_inplace' to True.";
    throw new Refusal(400, 'InvalidUserInput', `The lora adapter '${name}' has already been loaded. ${hint}`);
  }
  if (/none|missing/.test(path)) {
    throw new Refusal(404, 'NotFoundError', `Loading lora ${name} failed: No adapter found for ${path}`);
  }
  models.loras.set(name, path);
  exchange.send(200, `Success: LoRA adapter '${name}' added successfully.`);
}

/** `POST /v1/unload_lora_adapter`. */
export function unloadLora(exchange: Exchange): void {
  const name = String(jsonBody(exchange, ['lora_name'])['lora_name']);
  if (!exchange.host.models.loras.delete(name)) {
    throw new Refusal(404, 'NotFoundError', `The lora adapter '${name}' cannot be found.`);
  }
  exchange.send(200, `Success: LoRA adapter '${name}' removed successfully.`);
}
