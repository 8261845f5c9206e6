import { isIP } from 'node:net';
import { editMembers } from '../../proxy/json-edit.ts';
import { JsonMembers, scanMembers } from '../../proxy/json-scan.ts';

/** `kv_transfer_params` of a prefill answer as raw JSON, for the decode backend; undefined where there are none. */
export function handedOver(answer: Buffer, prefillUrl: string): string | undefined {
  const params = objectAt(answer, 'kv_transfer_params');
  if (params === undefined) return undefined;
  const host = params.value('remote_host');
  const { body } = reaches(host) ? params : { body: editMembers(params, { remote_host: hostOf(prefillUrl) }) };
  return body.toString();
}

function objectAt(body: Buffer, key: string): JsonMembers | undefined {
  const members = scanMembers(body);
  const range = members instanceof JsonMembers ? members.range(key) : undefined;
  if (range === undefined) return undefined;
  const object = scanMembers(body.subarray(...range));
  return object instanceof JsonMembers && object.keys.length > 0 ? object : undefined;
}

/**
 * An address that somebody has set, on a network for transfers perhaps. Everything else gives way to the one under which we reach the
 * engine, as the original router has it: nothing, a name that only its pod knows, or vLLM's default of `localhost`.
 */
function reaches(host: unknown): boolean {
  return typeof host === 'string' && isIP(host) !== 0 && !/^(?:127\.|0\.0\.0\.0$|::1?$)/.test(host);
}

function hostOf(url: string): string {
  return JSON.stringify(new URL(url).hostname.replace(/^\[|\]$/g, ''));
}
