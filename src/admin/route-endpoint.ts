import { RouterError } from '../errors.ts';
import { readBody } from '../pipeline/read-body.ts';
import { sendJson } from '../pipeline/respond.ts';
import { releaseBody } from '../proxy/body-budget.ts';
import type { AdminDeps, AdminRequest } from './admin-deps.ts';
import { explainRoute } from './explain-route.ts';
import type { RouteQuestion } from './route-question.ts';

/** Bytes; a long prompt. */
const MAX_BODY = 4 * 1024 * 1024;

/** `GET /admin/route?model=…[&header=NAME=VALUE…][&session=…][&prompt=…]` */
export function getRoute({ res, query, snapshot }: AdminRequest, { registry, now }: AdminDeps): void {
  const headers = Object.fromEntries(query.getAll('header').map(headerPair));
  const model = query.get('model');
  if (!model) throw new RouterError('missing_model');
  const question = {
    model,
    headers,
    session: query.get('session') ?? undefined,
    prompt: query.get('prompt') ?? undefined,
  };
  sendJson(res, 200, explainRoute(snapshot, question, registry, now()));
}

/** The same with a JSON body: `{model, headers, session, prompt}`. */
export async function postRoute({ req, res, snapshot }: AdminRequest, { registry, now }: AdminDeps): Promise<void> {
  sendJson(res, 200, explainRoute(snapshot, await readQuestion(req, res), registry, now()));
}

async function readQuestion(req: AdminRequest['req'], res: AdminRequest['res']): Promise<RouteQuestion> {
  const received = await readBody(req, res, MAX_BODY);
  try {
    return parseQuestion(received.body);
  } finally {
    releaseBody(received);
  }
}

function headerPair(text: string): [string, string] {
  const equals = text.indexOf('=');
  if (equals < 1) throw new RouterError('bad_request', { detail: 'a header is NAME=VALUE' });
  return [text.slice(0, equals).toLowerCase(), text.slice(equals + 1)];
}

function parseQuestion(body: Buffer): RouteQuestion {
  let value: unknown;
  try {
    value = JSON.parse(body.toString());
  } catch {
    throw new RouterError('invalid_json');
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw new RouterError('not_an_object');
  const { model, headers = {}, session, prompt } = value as Record<string, unknown>;
  if (model === undefined || model === '') throw new RouterError('missing_model');
  if (typeof model !== 'string') throw new RouterError('invalid_model');
  if (
    headers === null ||
    typeof headers !== 'object' ||
    Object.values(headers).some((text) => typeof text !== 'string')
  ) {
    throw new RouterError('bad_request', { detail: 'headers is a map of texts' });
  }
  for (const [name, text] of Object.entries({ session, prompt })) {
    if (text !== undefined && typeof text !== 'string')
      throw new RouterError('bad_request', { detail: `${name} is a text` });
  }
  return {
    model,
    headers: Object.fromEntries(Object.entries(headers).map(([name, text]) => [name.toLowerCase(), text as string])),
    session: session as string | undefined,
    prompt: prompt as string | undefined,
  };
}
