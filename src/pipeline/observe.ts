import type { Middleware } from 'koa';
import type { PipelineDeps, State } from './state.ts';

/** Counts a forwarded request and writes its access line once its response is over, however it ended. */
export function observe(deps: PipelineDeps): Middleware<State> {
  return function observeRequest(ctx, next) {
    const routed = ctx.state.routed!;
    const { res } = ctx;
    routed.trace = routed.snapshot.tracer?.begin(routed);
    const { access } = routed.snapshot.config.logging;
    res.once('close', () => {
      if (!res.writableFinished) routed.attempt?.leave();
      const elapsed = deps.now() - routed.startedAt;
      const left = !res.writableFinished && routed.flag === '-';
      if (left) routed.flag = 'DC';
      // nginx's 499: the client closed before its answer was complete. Only in logs and metrics, never on the wire.
      const status = routed.flag === 'DC' && !res.headersSent ? 499 : res.statusCode;
      deps.telemetry.finished(routed, status);
      routed.trace?.finished(status, ctx.state.error ?? routed.error, routed.startedAt + elapsed);
      if (access) deps.log.access(routed, status, elapsed);
    });
    return next();
  };
}
