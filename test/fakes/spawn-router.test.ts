import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Engine, startEngine } from '../../src/simulator/engine/engine.ts';
import { chatBody, chatRequest, expectedText } from '../simulator/requests.ts';
import { sseEvents, streamedText } from './framing.ts';
import { rawRequest, untilRefused } from './raw-client.ts';
import { configFor, type SpawnedRouter, spawnRouter } from './spawn-router.ts';

describe('the router as a process', () => {
  let engine: Engine;
  let router: SpawnedRouter;
  before(async () => {
    engine = await startEngine({ models: ['tiny-chat'] });
    router = await spawnRouter({ config: configFor([{ url: engine.url, models: ['tiny-chat'] }]) });
  });
  after(async () => {
    // A listening engine would keep the test's process alive if the router's start had failed.
    await engine.kill();
    await router?.stop();
  });

  it('answers on its listeners, through to the engine', async () => {
    assert.notEqual(router.url, router.adminUrl);
    assert.equal((await rawRequest(router.url, { path: '/health' })).status, 200);
    assert.equal((await rawRequest(router.adminUrl, { path: '/health' })).status, 200);
    const answer = await rawRequest(router.url, chatRequest('hello'));
    assert.equal(streamedText(sseEvents(answer.body))[0], expectedText(chatBody('hello')));
  });

  it('tells how a reload ended', async () => {
    const backend = { url: engine.url, models: ['tiny-chat'] };
    const bad = await router.reload(configFor([backend], { nonsense: 1 }));
    assert.equal(bad['level'], 'error');
    const good = await router.reload(configFor([{ ...backend, models: ['tiny-chat', 'other'] }]));
    assert.equal(good.msg, 'config applied');
    assert.match((await rawRequest(router.url, { path: '/v1/models' })).body.toString(), /other/);
  });

  it('stops on SIGTERM', async () => {
    const { url } = router;
    assert.equal(await router.stop(), 0);
    await untilRefused(url);
  });

  it('rejects with its output when the config is refused', async () => {
    await assert.rejects(spawnRouter({ config: { version: 9 } }), /ended \(\d+\)[\s\S]*version/);
  });
});
