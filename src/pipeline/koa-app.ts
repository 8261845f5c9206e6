import Koa from 'koa';
import type { State } from './state.ts';

type Chain = (ctx: Koa.ParameterizedContext<State>, last?: () => Promise<unknown>) => unknown;
const DONE = Promise.resolve();

/**
 * Koa without what a forwarded request has no use for, 5 µs of its 7: listeners for the end of each response (guard reports errors), Koa's
 * own request and response objects where nobody asks for them, a bound function and a promise around each middleware.
 */
export class KoaApp extends Koa<State> {
  constructor() {
    // Koa 3 takes it; its types do not know yet.
    super({ compose } as object);
    // Koa's own handler would answer in text/plain; guard has answered everything that reaches it.
    this.silent = true;
    const { request, response } = this;
    const app = this;
    Object.defineProperties(this.context, {
      request: {
        get(this: Koa.Context) {
          return complete(this, app, Object.create(request), Object.create(response)).request;
        },
      },
      response: {
        get(this: Koa.Context) {
          return complete(this, app, Object.create(request), Object.create(response)).response;
        },
      },
    });
  }

  override createContext(req: Koa.Context['req'], res: Koa.Context['res']): never {
    const context = Object.create(this.context);
    context.app = this;
    context.req = req;
    context.res = res;
    context.state = {};
    return context as never;
  }

  handleRequest(ctx: Koa.Context, run: (ctx: Koa.Context) => Promise<void>): Promise<void> {
    return run(ctx);
  }
}

/** What Koa's createContext does for every request. */
function complete(context: Koa.Context, app: Koa, request: Koa.Request, response: Koa.Response): Koa.Context {
  const { req, res } = context;
  const originalUrl = req.url!;
  Object.assign(request, { app, req, res, ctx: context, response, originalUrl });
  Object.assign(response, { app, req, res, ctx: context, request });
  Object.defineProperties(context, { request: { value: request }, response: { value: response } });
  context.originalUrl = originalUrl;
  return context;
}

/** Koa's composition: what a middleware returns is what `next` gives to the one before it. */
function compose(middleware: readonly Koa.Middleware<State>[]): Chain {
  return (ctx, last) => {
    const run = (index: number): Promise<unknown> => {
      const step = middleware[index];
      if (step === undefined) return last?.() ?? DONE;
      return step(ctx as never, () => run(index + 1)) as Promise<unknown>;
    };
    return run(0);
  };
}
