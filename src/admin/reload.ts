import { RouterError } from '../errors.ts';
import { sendJson } from '../pipeline/respond.ts';
import type { AdminDeps, AdminRequest } from './admin-deps.ts';
import type { ReloadState } from './control.ts';

/** Reads the config again, as SIGHUP does, and tells what came of it: 422 with what is wrong with it, 409 when it could not be put in force. */
export async function reload({ res, key }: AdminRequest, deps: AdminDeps): Promise<void> {
  deps.log.info({ ...(key !== '' && { key }) }, 'reload asked for over HTTP');
  const state = await deps.control.reload();
  const { at, ...outcome } = state;
  const { hash, generation } = deps.snapshot();
  const answer = { ...outcome, at: new Date(at).toISOString(), running: { hash, generation } };
  const error = refusal(state);
  if (error === undefined) {
    sendJson(res, 200, answer);
    return;
  }
  sendJson(res, error.status, { ...JSON.parse(error.body()), ...answer });
}

function refusal({ result, failure, diagnostics }: ReloadState): RouterError | undefined {
  if (result !== 'rejected') return undefined;
  if (failure !== undefined) return new RouterError('config_not_applied', { detail: failure });
  const count = diagnostics.filter(({ severity }) => severity === 'error').length;
  return new RouterError('config_rejected', { count });
}
