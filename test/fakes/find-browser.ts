import { existsSync } from 'node:fs';
import { isCi } from './ci.ts';

const PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
];

type Env = Readonly<Record<string, string | undefined>>;
export const NO_BROWSER = 'no Chromium: apt-get install -y --no-install-recommends chromium, or name one in CHROMIUM';

/** The program; undefined where the machine has none. */
export function findBrowser(
  env: Env = process.env,
  exists: (path: string) => boolean = existsSync,
): string | undefined {
  return (env['CHROMIUM'] ? [env['CHROMIUM']] : PLACES).find(exists);
}

/** A reason to skip the tests in a browser, false to run them. In CI a browser that is missing is a failure: nobody reads of skips there. */
export function skipBrowser(env: Env = process.env, exists: (path: string) => boolean = existsSync): string | false {
  if (env['ROUTER_SKIP_BROWSER'] === '1') return 'ROUTER_SKIP_BROWSER=1';
  return findBrowser(env, exists) === undefined && !env['CHROMIUM'] && !isCi(env) ? NO_BROWSER : false;
}
