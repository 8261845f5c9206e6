import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findBrowser, NO_BROWSER, skipBrowser } from './find-browser.ts';

const none = () => false;
const only = (path: string) => (other: string) => other === path;

test('a browser of the system is found, and one that CHROMIUM names before it', () => {
  assert.equal(findBrowser({}, only('/usr/bin/google-chrome')), '/usr/bin/google-chrome');
  assert.equal(findBrowser({ CHROMIUM: '/opt/c' }, only('/opt/c')), '/opt/c');
  assert.equal(findBrowser({ CHROMIUM: '/opt/c' }, only('/usr/bin/chromium')), undefined);
});

test('without one the tests are skipped on somebody’s machine, and fail in CI or where CHROMIUM is wrong', () => {
  assert.equal(skipBrowser({}, only('/usr/bin/chromium')), false);
  assert.equal(skipBrowser({}, none), NO_BROWSER);
  assert.equal(skipBrowser({ CI: 'false' }, none), NO_BROWSER);
  assert.equal(skipBrowser({ CI: 'true' }, none), false);
  assert.equal(skipBrowser({ CHROMIUM: '/nowhere' }, none), false);
  assert.equal(skipBrowser({ CI: 'true', ROUTER_SKIP_BROWSER: '1' }, none), 'ROUTER_SKIP_BROWSER=1');
});
