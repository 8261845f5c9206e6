import type { Config } from '../config/config.ts';
import { withoutPassword } from '../config/wording.ts';
import type { Log } from '../log.ts';

/** URLs that the line names. */
const TOLD = 12;

/**
 * Says which listed backends a new config no longer has. A file that was cut short can be a valid one: what it lost is what an operator
 * has to see.
 */
export function warnOfDropped(before: Config, after: Config, log: Pick<Log, 'warn'>): void {
  const left = new Set(listed(after));
  const dropped = listed(before).filter((url) => !left.has(url));
  if (dropped.length === 0) return;
  const backends = dropped.slice(0, TOLD).map(withoutPassword);
  log.warn(
    { dropped: dropped.length, left: left.size, backends },
    'the new config drops backends; their requests run on',
  );
}

function listed({ discovery }: Config): string[] {
  return Object.values(discovery).flatMap((source) =>
    source.type === 'static' ? source.backends.map(({ url }) => url) : [],
  );
}
