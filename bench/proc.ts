import { readdirSync, readFileSync } from 'node:fs';

/** CPU and memory of a process and everything below it. */
export interface Usage {
  /** User and system time of the tree since it began, its dead and reaped members included, µs. */
  readonly cpuUs: number;
  /** Resident memory, bytes; pages shared by several processes of the tree count for each. */
  readonly rss: number;
  readonly processes: number;
}

export interface ProcessStat {
  readonly pid: number;
  readonly parent: number;
  /** Clock ticks: own user + system time, and that of children already waited for. */
  readonly ticks: number;
  /** Pages. */
  readonly rssPages: number;
}

/** sysconf(_SC_CLK_TCK), which is 100 on every Linux that Node runs on. */
const ticksPerSecond = 100;
const pageSize = 4096;

/** Reads one line of /proc/PID/stat; the name in it may hold blanks and brackets. */
export function parseStat(text: string): ProcessStat {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  // fields[0] is the state, number 3 of proc(5): so its number n is fields[n - 3].
  const field = (n: number) => Number(fields[n - 3]);
  return {
    pid: Number.parseInt(text, 10),
    parent: field(4),
    ticks: field(14) + field(15) + field(16) + field(17),
    rssPages: field(24),
  };
}

/** The members of the tree under root, root first. */
export function treeOf(root: number, all: readonly ProcessStat[]): ProcessStat[] {
  const tree = all.filter((p) => p.pid === root);
  for (const member of tree) tree.push(...all.filter((p) => p.parent === member.pid && p.pid !== member.pid));
  return tree;
}

/** Adds up the tree under pid as it is now; throws when the process is gone. */
export function readUsage(pid: number): Usage {
  const all: ProcessStat[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      all.push(parseStat(readFileSync(`/proc/${name}/stat`, 'latin1')));
    } catch {
      // It ended between the listing and the reading.
    }
  }
  const tree = treeOf(pid, all);
  if (tree.length === 0) throw new Error(`process ${pid} has ended`);
  const sum = (value: (p: ProcessStat) => number) => tree.reduce((total, p) => total + value(p), 0);
  return {
    cpuUs: sum((p) => p.ticks) * (1_000_000 / ticksPerSecond),
    rss: sum((p) => p.rssPages) * pageSize,
    processes: tree.length,
  };
}

/** Clock ticks in which the cores were busy or taken away by the host, from the text of /proc/stat, as µs. */
export function parseBusy(text: string, cores: readonly number[]): number {
  let ticks = 0;
  for (const core of new Set(cores)) {
    const line = text.split('\n').find((l) => l.startsWith(`cpu${core} `));
    if (!line) throw new Error(`this machine has no CPU core ${core}`);
    const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = line.split(/ +/).slice(1).map(Number);
    ticks += user + nice + system + irq + softirq + steal;
  }
  return ticks * (1_000_000 / ticksPerSecond);
}

export function readBusy(cores: readonly number[]): number {
  return parseBusy(readFileSync('/proc/stat', 'latin1'), cores);
}
