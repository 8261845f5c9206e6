import { setTimeout as delay } from 'node:timers/promises';
import got from 'got';
import { addresses } from '../../addresses.ts';
import type { ProbeOptions } from '../model-probe.ts';
import type { KubeApi } from './api.ts';
import { type ApiError, toApiError } from './api-error.ts';
import type { KubernetesLimits } from './limits.ts';
import { SLEEPING_LABEL, type Target } from './target.ts';

/** An engine says `{"is_sleeping": true}`; more than this is something else. Bytes. */
const MAX_ANSWER = 64 * 1024;

/**
 * Asks an engine's `/is_sleeping`. Undefined where it does not say: 404 without sleep mode, or no answer, which the model probe
 * beside it reports.
 */
export async function askSleeping(url: string, options: ProbeOptions): Promise<boolean | undefined> {
  const tooLarge = new AbortController();
  try {
    const exchange = got(`${url}/is_sleeping`, {
      dnsLookup: addresses.lookup,
      timeout: { request: options.timeout },
      retry: { limit: 0 },
      followRedirect: false,
      throwHttpErrors: false,
      decompress: false,
      headers: {
        'user-agent': 'vllm-router',
        connection: 'close',
        ...(options.authorization !== undefined && { authorization: options.authorization }),
      },
      signal: options.signal ? AbortSignal.any([options.signal, tooLarge.signal]) : tooLarge.signal,
    });
    exchange.on('downloadProgress', ({ transferred }) => {
      if (transferred > MAX_ANSWER) tooLarge.abort();
    });
    const answer = await exchange;
    if (answer.statusCode !== 200) return undefined;
    const said = (JSON.parse(answer.body) as { is_sleeping?: unknown } | null)?.is_sleeping;
    return typeof said === 'boolean' ? said : undefined;
  } catch {
    return undefined;
  }
}

/**
 * `label`: every replica will see it. `memory`: the Role gives no `patch` (the operator's does not), so only this router knows.
 * `gone`: there is no such object any more.
 */
export type SleepRecord = 'label' | 'memory' | 'gone';

/** Sets or removes the label `sleeping=true` on a pod or service, and only on the very object that was meant. */
export async function patchSleepLabel(
  api: KubeApi,
  target: Target,
  sleeping: boolean,
  limits: KubernetesLimits,
  signal: AbortSignal,
): Promise<SleepRecord> {
  const { kind, namespace, name, uid } = target;
  try {
    const body = await api.request({
      method: 'PATCH',
      path: `/api/v1/namespaces/${namespace}/${kind}s/${name}`,
      // The UID makes it fail for a pod of the same name that came after.
      body: JSON.stringify({ metadata: { uid, labels: { [SLEEPING_LABEL]: sleeping ? 'true' : null } } }),
      signal: AbortSignal.any([signal, AbortSignal.timeout(limits.patch)]),
      headTimeout: limits.patch,
      idleTimeout: limits.patch,
    });
    body.resume();
    return 'label';
  } catch (thrown) {
    const error = toApiError(thrown, 'request');
    if (error.code === 403) return 'memory';
    if (error.code === 404 || error.code === 409) return 'gone';
    throw error;
  }
}

/** Tries `patch` until it ends, at most five times, 0.5 s to 8 s apart. Rejects with the last ApiError. */
export async function retryPatch(
  patch: () => Promise<SleepRecord>,
  failed: (error: ApiError) => void,
  signal: AbortSignal,
): Promise<SleepRecord> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await patch();
    } catch (error) {
      if (signal.aborted || attempt === 4) throw error;
      failed(error as ApiError);
      await delay(500 * 2 ** attempt, undefined, { signal });
    }
  }
}
