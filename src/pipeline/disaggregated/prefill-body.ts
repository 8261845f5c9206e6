import type { DisaggregatedPrefillConfig } from '../../config/config.ts';
import { editMembers, type MemberEdits } from '../../proxy/json-edit.ts';
import type { JsonMembers } from '../../proxy/json-scan.ts';

type Form = DisaggregatedPrefillConfig['form'];

/** One token, whole, and nothing that contradicts that. */
const CHAT: MemberEdits = {
  max_tokens: '1',
  max_completion_tokens: '1',
  min_tokens: undefined,
  stream: 'false',
  stream_options: undefined,
};
const MESSAGES: MemberEdits = { max_tokens: '1', stream: 'false' };
const RESPONSES: MemberEdits = { max_output_tokens: '1', stream: 'false', store: 'false' };

/** Of the paths that can be split; others go to a decode backend as they are. */
const EDITS: Readonly<Record<string, MemberEdits>> = {
  '/v1/chat/completions': CHAT,
  '/v1/completions': CHAT,
  '/v1/messages': MESSAGES,
  '/v1/responses': RESPONSES,
};

/** What vLLM's connectors want to hear before they keep a prompt for another engine. */
const KEEP = JSON.stringify({
  do_remote_decode: true,
  do_remote_prefill: false,
  remote_engine_id: null,
  remote_block_ids: null,
  remote_host: null,
  remote_port: null,
});

/** The request as the prefill backend gets it; undefined for one that is not to be split. */
export function prefillBody(path: string, members: JsonMembers | undefined, form: Form): Buffer | undefined {
  const edits = EDITS[path];
  if (edits === undefined || members === undefined) return undefined;
  if (edits === RESPONSES) {
    // vLLM's responses carry no kv_transfer_params, and what an engine has stored only that engine can continue.
    const own = members.value('background') === true || members.range('previous_response_id') !== undefined;
    if (form === 'kv-transfer' || own) return undefined;
  }
  const { max_completion_tokens: completion, ...others } = edits;
  return editMembers(members, {
    ...others,
    // The older name always, the newer one where the client used it: the engine goes by the newer one.
    ...(members.range('max_completion_tokens') !== undefined && { max_completion_tokens: completion }),
    ...(form === 'kv-transfer' && { kv_transfer_params: KEEP }),
  });
}
