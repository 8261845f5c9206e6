import { ServerResponse } from 'node:http';
import type { Middleware } from 'koa';
import type { RouterError } from '../errors.ts';
import type { PipelineDeps, State } from './state.ts';

/** Event of a `ServerResponse` that will not be sent, since the rest of its request is no HTTP; with the RouterError that the client got. */
export const REFUSED = Symbol('refused');

/** Counts a forwarded request and writes its access line once its response is over, however it ended. */
export function observe(deps: PipelineDeps): Middleware<State> {
  return function observeRequest(ctx, next) {
    const routed = ctx.state.routed!;
    const { res } = ctx;
    routed.trace = routed.snapshot.tracer?.begin(routed);
    const { access } = routed.snapshot.config.logging;
    let refusal: RouterError | undefined;
    if (res instanceof ServerResponse) {
      res.once(REFUSED, (error: RouterError) => {
        refusal = error;
        routed.flag = 'DPE';
        routed.error = error.code;
      });
    }
    res.once('close', () => {
      if (!res.writableFinished) routed.attempt?.leave();
      const elapsed = deps.now() - routed.startedAt;
      const left = !res.writableFinished && routed.flag === '-';
      if (left) routed.flag = 'DC';
      // nginx's 499: the client closed before its answer was complete. Only in logs and metrics, never on the wire.
      const status = refusal?.status ?? (routed.flag === 'DC' && !res.headersSent ? 499 : res.statusCode);
      deps.telemetry.finished(routed, status);
      routed.trace?.finished(status, ctx.state.error ?? routed.error, routed.startedAt + elapsed);
      if (access) deps.log.access(routed, status, elapsed);
    });
    return next();
  };
}
