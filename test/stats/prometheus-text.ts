import assert from 'node:assert/strict';

export interface Family {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  /** Line without its value → value. */
  readonly samples: Map<string, number>;
}

const LABELS = /^\{(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*",?)*\}$/;

/** Reads a page as strictly as Prometheus: names, labels, escapes, one HELP and TYPE per family, no series twice. */
export function parsePage(text: string): Map<string, Family> {
  assert.ok(text.endsWith('\n'));
  const families = new Map<string, Family>();
  const help = new Map<string, string>();
  let current: Family | undefined;
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const comment = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line);
    if (comment !== null) {
      const [, kind, name, rest] = comment as unknown as [string, string, string, string];
      if (kind === 'HELP') {
        assert.ok(!help.has(name), `second HELP of ${name}`);
        help.set(name, rest);
        continue;
      }
      assert.ok(!families.has(name), `second TYPE of ${name}`);
      assert.match(rest, /^(counter|gauge|histogram|summary)$/);
      current = { name, type: rest, help: help.get(name) ?? '', samples: new Map() };
      families.set(name, current);
      continue;
    }
    const sample = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{.*\})? (\S+)$/.exec(line);
    assert.ok(sample !== null && current !== undefined, `not a sample: ${line}`);
    const [, name, labels = '', value] = sample as unknown as [string, string, string | undefined, string];
    const base = current.type === 'histogram' ? name.replace(/_(bucket|sum|count)$/, '') : name;
    assert.equal(base, current.name, `${name} under ${current.name}`);
    if (labels !== '') assert.match(labels, LABELS);
    assert.ok(!current.samples.has(name + labels), `twice: ${name}${labels}`);
    const number = Number(value.replace('+Inf', 'Infinity').replace('Nan', 'NaN'));
    assert.ok(value === 'Nan' || !Number.isNaN(number), line);
    current.samples.set(name + labels, number);
  }
  return families;
}

/**
 * What `promtool check metrics` complains of, for metrics that have no old name to keep. Its rules: a help text, counters
 * end in `_total` and nothing else does, no type or unit abbreviation in names, no colons, base units.
 */
export function lint({ name, type, help }: Family): string[] {
  const problems: string[] = [];
  if (help === '') problems.push('no help text');
  if (type === 'counter' && !name.endsWith('_total')) problems.push('counter without _total');
  if (type !== 'counter' && name.endsWith('_total')) problems.push('_total on no counter');
  if (type !== 'histogram' && /_(bucket|count|sum)$/.test(name)) problems.push('reserved suffix');
  if (name.includes(':')) problems.push('colon');
  if (/[A-Z]/.test(name)) problems.push('camel case');
  if (/_(milliseconds|ms|minutes|hours|kilobytes|kb|mb|percent)(_|$)/.test(name)) problems.push('no base unit');
  if (/_(gauge|counter|histogram|summary)(_|$)/.test(name)) problems.push('type in the name');
  return problems;
}
