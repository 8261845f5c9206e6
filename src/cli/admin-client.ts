/** ms. */
const TIMEOUT = 15_000;

/** Where the key for a router's admin listener is read, if it asks for one. */
export const ADMIN_KEY = 'VLLM_ROUTER_ADMIN_KEY';

/** Asks the admin listener of a running router. Rejects with a line for people. */
export async function askRouter(
  url: string,
  path: string,
  env: Readonly<Record<string, string | undefined>>,
  body?: unknown,
): Promise<unknown> {
  const at = `${url.replace(/\/+$/, '')}${path}`;
  if (!URL.canParse(at) || !/^https?:/.test(at)) throw new Error(`${url} is no http:// or https:// URL`);
  const key = env[ADMIN_KEY];
  let response: Response;
  try {
    response = await fetch(at, {
      method: body === undefined ? 'GET' : 'POST',
      redirect: 'error',
      headers: {
        accept: 'application/json',
        ...(key !== undefined && { authorization: `Bearer ${key}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(TIMEOUT),
    });
  } catch (error) {
    const { message, cause } = error as Error;
    throw new Error(`cannot reach ${at}: ${(cause as Error | undefined)?.message || message}`, { cause: error });
  }
  const text = await response.text();
  if (response.ok) {
    try {
      return JSON.parse(text);
    } catch {
      throw new Error(`${at} did not answer JSON: is it the admin listener of a router?`);
    }
  }
  const hint =
    response.status === 401
      ? ` (put its key into ${ADMIN_KEY})`
      : response.status === 404
        ? ' (is it a listener that serves admin?)'
        : '';
  throw new Error(`${at} answered ${response.status}: ${messageOf(text)}${hint}`);
}

function messageOf(text: string): string {
  try {
    return (JSON.parse(text) as { error: { message: string } }).error.message;
  } catch {
    return text.slice(0, 200);
  }
}
