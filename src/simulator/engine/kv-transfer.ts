import type { Json } from './request.ts';

/** The prompt has been computed by another engine, and its blocks are fetched from there. */
export function isPrefilled(body: Json): boolean {
  return paramsOf(body)?.['do_remote_prefill'] === true;
}

/** Blocks handed over so far: no two hand-overs of one process have a block in common. */
let blocks = 0;

/** What an engine that only prefills says of where its blocks are (NIXL connector); null for any other request. */
export function handOver(body: Json, id: string): Json | null {
  if (paramsOf(body)?.['do_remote_decode'] !== true) return null;
  return {
    do_remote_prefill: true,
    do_remote_decode: false,
    remote_block_ids: [[++blocks, ++blocks, ++blocks]],
    remote_engine_id: `engine-${id.slice(-8)}`,
    remote_request_id: id,
    remote_host: 'localhost',
    remote_port: 5600,
    tp_size: 1,
  };
}

function paramsOf(body: Json): Json | undefined {
  return body['kv_transfer_params'] as Json | undefined;
}
