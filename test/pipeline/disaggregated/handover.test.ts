import assert from 'node:assert/strict';
import { test } from 'node:test';
import { handedOver } from '../../../src/pipeline/disaggregated/handover.ts';

const answer = (params: string) => Buffer.from(`{"id":"x","choices":[{"text":"a"}],"kv_transfer_params":${params}}`);
const PARAMS = '{ "do_remote_prefill":true,"remote_block_ids":[[9007199254740993]], "remote_port":5600';

test('hands over the bytes of the params, with the host of the prefill backend where there is none that can be reached', () => {
  for (const host of ['null', '"localhost"', '"127.0.0.1"', '"0.0.0.0"', '"::"', '"pod-7"', '""', '7']) {
    assert.equal(
      handedOver(answer(`${PARAMS},"remote_host":${host}}`), 'http://10.1.2.3:8000/engines/a'),
      `${PARAMS},"remote_host":"10.1.2.3"}`,
    );
  }
  assert.equal(handedOver(answer(`${PARAMS}}`), 'http://gpu-1:8000'), `${PARAMS},"remote_host":"gpu-1"}`);
  assert.equal(handedOver(answer(`${PARAMS}}`), 'http://[fd00::1]:8000'), `${PARAMS},"remote_host":"fd00::1"}`);
});

test('keeps an address that somebody has set for transfers', () => {
  for (const host of ['192.168.7.1', 'fd00::7']) {
    const params = `${PARAMS},"remote_host":"${host}"}`;
    assert.equal(handedOver(answer(params), 'http://10.1.2.3:8000'), params);
  }
});

test('nothing is handed over where nothing was', () => {
  for (const params of ['null', '{}', '[]', '"x"']) assert.equal(handedOver(answer(params), 'http://a'), undefined);
  for (const body of ['', '[]', '{"id":"x"}', '{"kv_transfer_params":{"a":1}', 'data: {}\n\n']) {
    assert.equal(handedOver(Buffer.from(body), 'http://a'), undefined);
  }
});
