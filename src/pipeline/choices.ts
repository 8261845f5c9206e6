import type { JsonMembers } from '../proxy/json-scan.ts';

/** Bytes of a `prompt` beyond which its parts are not counted: token arrays of that size cost more to parse than they tell. */
const COUNTED = 64 * 1024;
const OPEN_BRACKET = 0x5b;

/** How many choices an answer to this body must hold: `n`, for each prompt of a list. 1 where that cannot be told. */
export function askedChoices(members: JsonMembers | undefined): number {
  if (members === undefined) return 1;
  const n = members.value('n');
  return (typeof n === 'number' && n > 1 ? n : 1) * prompts(members);
}

function prompts(members: JsonMembers): number {
  const range = members.range('prompt');
  if (range === undefined || members.body[range[0]] !== OPEN_BRACKET || range[1] - range[0] > COUNTED) return 1;
  const list = members.value('prompt');
  // A list of numbers is the tokens of one prompt.
  return Array.isArray(list) && list.length > 1 && typeof list[0] !== 'number' ? list.length : 1;
}
