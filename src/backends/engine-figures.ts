import { forEachLine } from './page-lines.ts';

const OWN = 'vllm:';
/** Only an engine counts it: the page of a router in front of engines has other series with vLLM's names. */
const GENERATED = 'vllm:generation_tokens';

/**
 * A hash (FNV-1a) of all that a vLLM engine says of itself on its metrics page, the same as long as none of it moves; undefined for other
 * pages. Each step of an engine moves some of it: cache usage while a prompt is computed, tokens afterwards. The series of its HTTP
 * server are left out, since they move with every health check.
 */
export function engineFigures(page: string): number | undefined {
  let hash = 0x811c9dc5;
  let found = false;
  forEachLine(page, (start, end) => {
    if (!page.startsWith(OWN, start)) return;
    found ||= page.startsWith(GENERATED, start);
    for (let at = start; at < end; at++) hash = Math.imul(hash ^ page.charCodeAt(at), 0x01000193);
  });
  return found ? hash : undefined;
}
