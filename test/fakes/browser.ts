import { type Browser, chromium, type Page } from 'playwright-core';
import { findBrowser, NO_BROWSER } from './find-browser.ts';

export async function launchBrowser(): Promise<Browser> {
  const executablePath = findBrowser();
  if (executablePath === undefined) throw new Error(`${NO_BROWSER}; ROUTER_SKIP_BROWSER=1 does without`);
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
