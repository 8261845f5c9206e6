import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { uuid5 } from '../../src/discovery/uuid5.ts';
import { type Engine, startEngine } from '../../src/simulator/engine/engine.ts';
import { launchBrowser, watchPage } from '../fakes/browser.ts';
import { skipBrowser } from '../fakes/find-browser.ts';
import { RawClient, requestBytes } from '../fakes/raw-client.ts';
import { configFor, type SpawnedRouter, spawnRouter } from '../fakes/spawn-router.ts';
import { chatRequest } from '../simulator/requests.ts';
import { ask } from './ask.ts';

/** What somebody who names a model, a label or a key of the config might try. */
const HOSTILE = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>';

describe('the status page in a browser', { skip: skipBrowser() }, () => {
  let browser: Browser;
  let shots: string;
  before(async () => {
    browser = await launchBrowser();
    shots = await mkdtemp(join(tmpdir(), 'vllm-router-shots-'));
  });
  after(async () => {
    await browser?.close();
    if (process.env['KEEP_SHOTS'] === undefined) await rm(shots, { recursive: true, force: true });
    else console.log(`screenshots: ${shots}`);
  });

  async function open(router: SpawnedRouter, options: Parameters<Browser['newPage']>[0] = {}) {
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 }, ...options });
    const watched = watchPage(page);
    await page.goto(router.adminUrl);
    await page.waitForSelector('body:not(.empty)');
    return { page, watched };
  }

  describe('of a router with engines', () => {
    let engine: Engine;
    let router: SpawnedRouter;
    let config: Record<string, unknown>;
    before(async () => {
      engine = await startEngine({ models: ['tiny-chat'], decodeRate: 20 });
      config = configFor(
        [
          { url: engine.url, models: ['tiny-chat'], labels: { pool: 'fast' } },
          { url: 'http://127.0.0.1:9', models: [HOSTILE, 'other'], labels: { note: HOSTILE } },
        ],
        {
          listeners: {
            public: { bind: '127.0.0.1:0', serve: ['openai', 'sleep'] },
            admin: { bind: '127.0.0.1:0', serve: ['admin'] },
          },
          routes: [
            { name: 'odd', match: { models: [HOSTILE], headers: { authorization: 'canary' } } },
            { name: 'chat', match: {}, algorithm: { type: 'least-load' } },
          ],
          stats: { engine: { interval: '500ms', timeout: '200ms' } },
          reload: { debounce: '10ms' },
        },
      );
      router = await spawnRouter({ config });
    });
    after(async () => {
      await engine?.kill();
      await router?.stop();
    });

    test('shows what there is, loads nothing from elsewhere, complains of nothing', async () => {
      const { page, watched } = await open(router);
      assert.equal(await page.locator('#connection').innerText(), 'live');
      assert.equal(await page.locator('#backends tr').count(), 2);
      const row = page.locator('#backends tr', { hasText: new URL(engine.url).host });
      assert.match(await row.innerText(), /ready/);
      assert.match(await page.locator('#routes').innerText(), /chat[\s\S]*every model[\s\S]*least-load/);
      assert.match(await page.locator('.config').innerText(), new RegExp(`${router.configFile}[\\s\\S]*applied`));
      const { host } = new URL(router.adminUrl);
      for (const url of watched.requests) assert.ok(url.startsWith('data:') || new URL(url).host === host, url);
      assert.deepEqual(watched.complaints, []);
      for (const [name, colorScheme] of [
        ['light', 'light'],
        ['dark', 'dark'],
      ] as const) {
        await page.emulateMedia({ colorScheme });
        await page.screenshot({ path: join(shots, `${name}.png`), fullPage: true });
      }
      await page.close();
    });

    test('names are text, whatever stands in them', async () => {
      const { page, watched } = await open(router);
      assert.match(await page.locator('#backends').innerText(), /<img src=x onerror="window\.hacked=1">/);
      assert.match(await page.locator('#routes').innerText(), /<script>window\.hacked=1<\/script>/);
      assert.equal(await page.locator('main img, main script').count(), 0);
      assert.equal(await page.evaluate('window.hacked'), undefined);
      assert.doesNotMatch(await page.content(), /canary/);
      // Had the page written markup, the policy would still have stopped it, and told.
      const markup = `(() => { try { document.body.innerHTML = ${JSON.stringify(HOSTILE)}; return 'written'; } catch { return 'refused'; } })()`;
      assert.equal(await page.evaluate(markup), 'refused');
      assert.deepEqual(
        watched.complaints.filter((text) => !/TrustedHTML|Trusted Type/.test(text)),
        [],
      );
      await page.close();
    });

    test('figures follow what happens', async () => {
      const { page } = await open(router);
      const row = page.locator('#backends tr', { hasText: new URL(engine.url).host });
      const inflight = row.locator('[data-label="In flight"]');
      await inflight.filter({ hasText: /^0$/ }).waitFor();
      const client = await RawClient.open(router.url);
      client.send(requestBytes(chatRequest('hello', { max_tokens: 400 }), client.host));
      await inflight.filter({ hasText: '1 streaming' }).waitFor();
      await page.locator('#tiles', { hasText: /In flight\s*1\s*1 streaming/ }).waitFor();
      await page.locator('.route', { hasText: 'chat' }).locator('.legend', { hasText: '100 %' }).waitFor();
      client.destroy();
      await inflight.filter({ hasText: /^0$/ }).waitFor();
      await ask(router.url, `/sleep?id=${uuid5(engine.url)}`, { method: 'POST' });
      await row.filter({ hasText: 'sleeping' }).waitFor();
      await ask(router.url, `/wake_up?id=${uuid5(engine.url)}`, { method: 'POST' });
      await row.filter({ hasText: 'ready' }).waitFor();
      await page.close();
    });

    test('what is wrong with a backend stands beside its state, and the words are explained', async () => {
      const failing = await startEngine({ models: ['failing'] });
      const defaults = {
        health: { interval: '1s', timeout: '900ms', unhealthyAfter: 1 },
        circuitBreaker: { failures: 2, openFor: '1h', maxOpenFor: '1h' },
      };
      const troubled = await spawnRouter({
        config: configFor(
          [
            { url: failing.url, models: ['failing'] },
            { url: 'http://127.0.0.1:9', models: ['gone'] },
          ],
          { defaults: { ...defaults, retry: { attempts: 0 } }, routes: [{ name: 'all', match: {} }] },
        ),
      });
      try {
        const { page, watched } = await open(troubled);
        await page
          .locator('#backends tr', { hasText: 'unhealthy' })
          .locator('.sub', { hasText: 'ECONNREFUSED' })
          .waitFor();
        failing.faults.set({ kind: 'status', status: 500, path: '/v1/chat/completions' });
        for (let at = 0; at < 2; at++) {
          const request = { method: 'POST', body: chatRequest('hello', { model: 'failing' }).body };
          await ask(troubled.url, '/v1/chat/completions', request as never);
        }
        const row = page.locator('#backends tr', { hasText: 'ejected' });
        await row.filter({ hasText: /breaker open, 2 failures in a row, next try in (59 min|1 h)/ }).waitFor();
        await page.locator('#tiles', { hasText: /Failed\s*100 %\s*2 of 2 were 5xx/ }).waitFor();
        await page.getByText('What the words mean').click();
        await page.getByText('so its breaker is open').waitFor();
        await page.screenshot({ path: join(shots, 'troubled.png'), fullPage: true });
        assert.deepEqual(watched.complaints, []);
        await page.close();
      } finally {
        await troubled.stop();
        await failing.kill();
      }
    });

    test('a reload by the button, one that is refused with its diagnostics, and back', async () => {
      const { page, watched } = await open(router);
      const outcome = page.locator('#reload-outcome');
      const button = page.getByRole('button', { name: 'Reload now' });
      await button.click();
      await outcome.filter({ hasText: 'Read again and applied.' }).waitFor();
      await page.locator('.config', { hasText: 'generation 2' }).waitFor();
      await writeFile(router.configFile, JSON.stringify({ ...config, [HOSTILE]: 1 }));
      await page.locator('.config', { hasText: 'rejected' }).waitFor();
      await page.locator('#findings li', { hasText: `unknown key "${HOSTILE.replaceAll('"', '\\"')}"` }).waitFor();
      await button.click();
      await outcome.filter({ hasText: 'not valid' }).waitFor();
      await page.screenshot({ path: join(shots, 'rejected.png'), fullPage: true });
      await writeFile(router.configFile, JSON.stringify(config));
      await page.locator('#findings').waitFor({ state: 'hidden' });
      assert.equal(await page.evaluate('window.hacked'), undefined);
      // The browser itself logs the 422.
      assert.deepEqual(
        watched.complaints.filter((text) => !text.includes('422')),
        [],
      );
      await page.close();
    });
  });

  describe('of a router with 1,000 backends', () => {
    let router: SpawnedRouter;
    before(async () => {
      // Nothing listens there, and nobody asks: what is looked at is the table.
      const backends = Array.from({ length: 1000 }, (_, at) => ({
        url: `http://127.2.${at >> 8}.${at & 255}:9`,
        models: [`model-${at % 3}`],
        labels: { zone: `z${at % 10}` },
        weight: 1 + (at % 2),
      }));
      const quiet = { stats: { engine: { interval: '1h' } }, defaults: { health: { interval: '0s' } } };
      router = await spawnRouter({ config: configFor(backends, quiet), timeout: 60_000 });
    });
    after(() => router?.stop());

    const names = (page: Page) => page.locator('#backends .name').allInnerTexts();

    test('pages, searches and sorts, by keyboard', async () => {
      const { page, watched } = await open(router);
      assert.equal((await names(page)).length, 50);
      assert.match(await page.locator('#range').innerText(), /^1–50 of 1,000$/);
      await page.getByRole('button', { name: 'Next' }).focus();
      await page.keyboard.press('Enter');
      assert.match(await page.locator('#range').innerText(), /^51–100 of 1,000$/);
      await page.getByRole('searchbox', { name: 'Search backends' }).focus();
      await page.keyboard.type('zone=z7 model-1');
      assert.match(await page.locator('#range').innerText(), /^34 backends, 1,000 in all$/);
      await page.keyboard.press('Control+A');
      await page.keyboard.press('Delete');
      const head = page.getByRole('columnheader', { name: 'Backend' });
      assert.equal(await head.getAttribute('aria-sort'), 'ascending');
      const [first] = await names(page);
      await head.getByRole('button').focus();
      await page.keyboard.press('Space');
      assert.equal(await head.getAttribute('aria-sort'), 'descending');
      assert.notEqual((await names(page))[0], first);
      const chip = page.locator('#states').getByRole('button', { name: /ready/ });
      await chip.press('Enter');
      assert.equal(await chip.getAttribute('aria-pressed'), 'true');
      assert.deepEqual(watched.complaints, []);
      await page.close();
    });

    test('on a phone: nothing to scroll sideways, every figure has its name', async () => {
      const { page } = await open(router, { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true });
      const sideways = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';
      assert.equal(await page.evaluate(sideways), 0);
      const label = "getComputedStyle(document.querySelector('#backends td'), '::before').content";
      assert.equal(await page.evaluate(label), '"State"');
      await page.getByLabel('Sort by').selectOption('qps');
      await page.screenshot({ path: join(shots, 'phone.png') });
      await page.close();
    });

    test('every interactive thing has a name, and the page its landmarks', async () => {
      const { page } = await open(router);
      const nameless = await page.evaluate(`[...document.querySelectorAll('button:not([hidden]), input, select')]
        .filter((one) => !(one.textContent.trim() || one.labels?.length || one.getAttribute('aria-label')))
        .map((one) => one.outerHTML)`);
      assert.deepEqual(nameless, []);
      for (const role of ['banner', 'main', 'table', 'navigation'] as const)
        assert.equal(await page.getByRole(role).count(), 1, role);
      assert.equal(await page.locator('html').getAttribute('lang'), 'en');
      await page.keyboard.press('Tab');
      assert.equal(await page.evaluate('document.activeElement.textContent'), 'Skip to the figures');
      await page.close();
    });
  });

  test('behind a key: the browser asks for it once, and the events come too', async () => {
    const listeners = {
      admin: { bind: '127.0.0.1:0', serve: ['admin'], auth: 'ops' },
      public: { bind: '127.0.0.1:0' },
    };
    const auth = { ops: { type: 'api-key', keys: { env: 'KEYS' } } };
    const config = configFor([{ url: 'http://127.0.0.1:9', models: ['m'] }], { listeners, auth });
    const router = await spawnRouter({ config, env: { KEYS: 'alice: key-of-alice' } });
    try {
      const httpCredentials = { username: 'anyone', password: 'key-of-alice' };
      const { page, watched } = await open(router, { httpCredentials });
      assert.equal(await page.locator('#connection').innerText(), 'live');
      await page.getByRole('button', { name: 'Reload now' }).click();
      await page.locator('#reload-outcome', { hasText: 'Read again and applied.' }).waitFor();
      assert.deepEqual(watched.complaints, []);
      await page.close();
      assert.equal((await ask(router.adminUrl, '/')).status, 401);
    } finally {
      await router.stop();
    }
  });

  test('an open page does not hold up the end of the router, and says when it hears nothing', async () => {
    const config = configFor([{ url: 'http://127.0.0.1:9', models: ['m'] }], {
      shutdown: { delay: '0s', drain: '1m' },
    });
    const router = await spawnRouter({ config });
    const { page } = await open(router);
    const begun = performance.now();
    assert.equal(await router.stop('SIGTERM', 30_000), 0);
    assert.ok(performance.now() - begun < 20_000, 'the drain waited for the page');
    await page.locator('#connection', { hasText: 'no word for' }).waitFor();
    await page.close();
  });
});
