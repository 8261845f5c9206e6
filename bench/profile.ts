import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  /** Monotonic clock, µs. */
  readonly startTime: number;
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** Monotonic µs: process.hrtime, the clock of profiles too. */
export interface Window {
  readonly begin: number;
  readonly end: number;
}

export interface Hot {
  readonly name: string;
  /** Share of the time in which the process was not idle. */
  readonly share: number;
}

/** The functions in which most time of the window was spent, calls from them not counted; idle time is left out. */
export function selfTimes(profile: CpuProfile, window: Window): Hot[] {
  const names = new Map(
    profile.nodes.map(({ id, callFrame: { functionName, url, lineNumber } }) => {
      const file = url.replace(/^file:\/\//, '').replace(/^.*\/(src|node_modules|bin)\//, '$1/');
      return [id, file ? `${functionName || '(anonymous)'} ${file}:${lineNumber + 1}` : functionName || '(native)'];
    }),
  );
  const times = new Map<string, number>();
  let total = 0;
  let at = profile.startTime;
  profile.samples.forEach((node, i) => {
    const name = names.get(node) ?? '(unknown)';
    const time = profile.timeDeltas[i] ?? 0;
    at += time;
    if (name === '(idle)' || time < 0 || at < window.begin || at > window.end) return;
    total += time;
    times.set(name, (times.get(name) ?? 0) + time);
  });
  return [...times].map(([name, time]) => ({ name, share: time / total })).sort((a, b) => b.share - a.share);
}

/** Reads the profile that Node wrote below dir; undefined when the process ended without writing one. */
export function readProfile(dir: string): CpuProfile | undefined {
  if (!existsSync(dir)) return undefined;
  const file = readdirSync(dir).find((name) => name.endsWith('.cpuprofile'));
  return file ? (JSON.parse(readFileSync(join(dir, file), 'utf8')) as CpuProfile) : undefined;
}
