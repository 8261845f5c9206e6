import assert from 'node:assert/strict';
import { test } from 'node:test';
import { report, table } from '../../bench/report.ts';
import { measurement } from './measurement.ts';

test('columns line up', () => {
  assert.equal(
    table([
      ['', 'µs'],
      ['nginx', '7'],
    ]),
    '|       | µs |\n|-------|---:|\n| nginx |  7 |',
  );
});

test('a contestant without a proxy has no CPU, errors are shown with samples, other scenarios are left out', () => {
  const text = report(
    [
      measurement('direct', 'a', 1, null),
      measurement('nginx', 'a', 1, 20),
      measurement('ours', 'a', 1, 50, { loaded: 2 ** 27, errors: 3 }),
    ],
    [{ bar: 'some bar', value: '1', result: 'pass' }],
  );
  const rows = text.split('\n').map((line) => line.split('|').map((cell) => cell.trim()));
  const row = (name: string) => rows.find((cells) => cells[1] === name) ?? [];
  assert.deepEqual(row('direct').slice(2, 8), ['–', '–', '–', '–', '–', '500']);
  assert.deepEqual(row('ours').slice(2, 8), ['50.0', '50.0', '50.0', '2.50', '50', '500']);
  assert.equal(row('ours').at(-2), '3');
  assert.match(text, /ours, a, round 1: \{"reset":3\}\n {2}read: connection reset/);
  assert.match(text, /some bar/);
  assert.doesNotMatch(text, /\(b\)|DISTURBED/);
});

test('figures taken beside other programs are said to be', () => {
  const text = report([measurement('nginx', 'a', 1, 20), { ...measurement('ours', 'a', 1, 50), others: 0.3 }], []);
  assert.match(text, /DISTURBED: other programs used over 10 % of the cores in 1 of 2 windows\./);
});
