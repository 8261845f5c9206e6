import assert from 'node:assert/strict';
import { test } from 'node:test';
import { prefillBody } from '../../../src/pipeline/disaggregated/prefill-body.ts';
import { JsonMembers, scanMembers } from '../../../src/proxy/json-scan.ts';

function body(path: string, text: string, form: 'max-tokens' | 'kv-transfer'): string | undefined {
  const members = scanMembers(Buffer.from(text));
  assert.ok(members instanceof JsonMembers);
  return prefillBody(path, members, form)?.toString();
}

const KEEP =
  '"kv_transfer_params":{"do_remote_decode":true,"do_remote_prefill":false,"remote_engine_id":null,"remote_block_ids":null,"remote_host":null,"remote_port":null}';

test('max-tokens: one token, whole, without what contradicts that; every other byte as it came', () => {
  assert.equal(
    body(
      '/v1/chat/completions',
      '{"model":"m", "seed":18446744073709551615,"stream" : true,"stream_options":{"include_usage":true},"min_tokens":5,"max_tokens":100}',
      'max-tokens',
    ),
    '{"model":"m", "seed":18446744073709551615,"stream" : false,"max_tokens":1}',
  );
  assert.equal(
    body('/v1/completions', '{"model":"m","max_completion_tokens":7}', 'max-tokens'),
    '{"model":"m","max_completion_tokens":1,"max_tokens":1,"stream":false}',
  );
  assert.equal(body('/v1/messages', '{"max_tokens":9,"stream":true}', 'max-tokens'), '{"max_tokens":1,"stream":false}');
  assert.equal(
    body('/v1/responses', '{"input":"x"}', 'max-tokens'),
    '{"input":"x","max_output_tokens":1,"stream":false,"store":false}',
  );
});

test('kv-transfer: the engine is asked to keep the prompt for another', () => {
  assert.equal(
    body('/v1/completions', '{"model":"m"}', 'kv-transfer'),
    `{"model":"m","max_tokens":1,"stream":false,${KEEP}}`,
  );
  assert.equal(
    body('/v1/messages', '{"max_tokens":9,"kv_transfer_params":{"of":"the client"}}', 'kv-transfer'),
    `{"max_tokens":1,${KEEP},"stream":false}`,
  );
});

test('what is no generation, or can be continued by one engine only, is not split', () => {
  for (const form of ['max-tokens', 'kv-transfer'] as const) {
    for (const path of ['/v1/embeddings', '/tokenize', '/v1/chat/completions/batch', '/v1/messages/count_tokens']) {
      assert.equal(body(path, '{"model":"m"}', form), undefined);
    }
    assert.equal(body('/v1/responses', '{"previous_response_id":"resp_1"}', form), undefined);
    assert.equal(body('/v1/responses', '{"background":true}', form), undefined);
    assert.equal(prefillBody('/v1/audio/transcriptions', undefined, form), undefined);
  }
  assert.equal(body('/v1/responses', '{"input":"x"}', 'kv-transfer'), undefined);
});
