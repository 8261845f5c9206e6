import { existsSync } from 'node:fs';
import { type Browser, chromium, type Page } from 'playwright-core';

const PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
];

/** A reason to skip the tests in a browser, for machines that cannot have one; otherwise its absence is a failure. */
export const SKIP_BROWSER = process.env['ROUTER_SKIP_BROWSER'] === '1' ? 'ROUTER_SKIP_BROWSER=1' : false;

export async function launchBrowser(): Promise<Browser> {
  const executablePath = [process.env['CHROMIUM'], ...PLACES].find((path) => path !== undefined && existsSync(path));
  if (executablePath === undefined) {
    throw new Error(
      'no Chromium: apt-get install -y --no-install-recommends chromium, name one in CHROMIUM, or set ROUTER_SKIP_BROWSER=1',
    );
  }
  // Chromium's sandbox cannot be had by root, which is who runs tests in containers.
  return chromium.launch({ executablePath, args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] });
}

/** What a page complained of, and what it asked for. */
export interface Watched {
  readonly complaints: string[];
  readonly requests: string[];
}

/** Listens from now on; a page that is well has no complaints. */
export function watchPage(page: Page): Watched {
  const watched: Watched = { complaints: [], requests: [] };
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') watched.complaints.push(message.text());
  });
  page.on('pageerror', (error) => watched.complaints.push(error.message));
  page.on('dialog', (dialog) => {
    watched.complaints.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('request', (request) => watched.requests.push(request.url()));
  return watched;
}
