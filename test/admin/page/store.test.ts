import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Column, Store, select } from '../../../src/admin/page/store.ts';
import type { BackendInfo, BackendLive, StatusMessage } from '../../../src/admin/status-message.ts';

const info = (name: string, more: Partial<BackendInfo> = {}): BackendInfo => ({
  name,
  url: `http://${name}:8000`,
  source: 'lab',
  models: ['llama'],
  modelCount: 1,
  labels: {},
  weight: 1,
  since: 0,
  ...more,
});
const live = (qps: number, ttft: number | null = null, state = 'ready'): BackendLive => [
  state,
  'closed',
  0,
  0,
  qps,
  ttft,
  ttft,
  null,
  null,
  null,
  null,
  null,
  '',
  null,
];
const message = (more: Partial<StatusMessage>): StatusMessage => ({
  full: false,
  router: {
    version: '1',
    host: 'h',
    uptime: 0,
    notReady: null,
    inflight: 0,
    streaming: 0,
    queued: 0,
    qps: 0,
    answered: 0,
    failed: 0,
    ttft: null,
    ttftP99: null,
    interToken: null,
    window: 1,
  },
  sources: [],
  routes: [],
  backends: {},
  live: {},
  gone: [],
  ...more,
});

function store(): Store {
  const store = new Store();
  store.apply(
    message({
      full: true,
      backends: { 0: info('b', { labels: { pool: 'fast' } }), 1: info('a', { models: ['Qwen/x'] }), 2: info('c') },
      live: { 0: live(3, 20), 1: live(1, null), 2: live(2, 10, 'ejected') },
    }),
  );
  return store;
}

const order = (subject: Store, sort: Column, descending = false, search = '', state = '') =>
  select(subject.rows.values(), { search, state, sort, descending })
    .map((row) => row.info.name)
    .join('');

test('messages: everything, then what changes, then everything anew', () => {
  const subject = store();
  subject.apply(message({ live: { 1: live(9) }, gone: ['2'] }));
  assert.deepEqual(
    [...subject.rows.values()].map((row) => [row.info.name, row.live[4]]),
    [
      ['b', 3],
      ['a', 9],
    ],
  );
  subject.apply(message({ backends: { 1: info('renamed') } }));
  assert.equal(subject.rows.get('1')!.info.name, 'renamed');
  subject.apply(message({ full: true, backends: { 7: info('z') }, live: { 7: live(1) } }));
  assert.deepEqual([...subject.rows.keys()], ['7']);
});

test('figures without their backend, and the reverse, are no rows', () => {
  const subject = store();
  subject.apply(message({ live: { 9: live(1) } }));
  subject.apply(message({ backends: { 8: info('x') } }));
  assert.equal(subject.rows.size, 3);
});

test('rows are sorted, and what is not known comes last either way', () => {
  const subject = store();
  assert.equal(order(subject, 'name'), 'abc');
  assert.equal(order(subject, 'qps', true), 'bca');
  assert.equal(order(subject, 'ttft'), 'cba');
  assert.equal(order(subject, 'ttft', true), 'bca');
});

test('rows are searched by every word, in names, models and labels, and by state', () => {
  const subject = store();
  assert.equal(order(subject, 'name', false, 'QWEN'), 'a');
  assert.equal(order(subject, 'name', false, ' pool=fast  llama '), 'b');
  assert.equal(order(subject, 'name', false, 'qwen llama'), '');
  assert.equal(order(subject, 'name', false, '', 'ejected'), 'c');
  assert.deepEqual(subject.states(), [
    ['ready', 2],
    ['ejected', 1],
  ]);
});

test('failed: of what was answered in the last minute, and anew with another process', () => {
  const store = new Store();
  const tell = (answered: number, failed: number) =>
    store.apply({ ...message({}), router: { ...message({}).router, answered, failed } });
  assert.equal(store.failed(), null);
  tell(1000, 500);
  assert.equal(store.failed(), null, 'what was before the page is not of the last minute');
  tell(1010, 501);
  assert.deepEqual(store.failed(), { answered: 10, failed: 1, share: 0.1 });
  for (let second = 0; second < 60; second++) tell(1020, 501);
  assert.deepEqual(store.failed(), { answered: 10, failed: 0, share: 0 });
  tell(1020, 501);
  assert.equal(store.failed(), null);
  tell(3, 3);
  tell(5, 3);
  assert.deepEqual(store.failed(), { answered: 2, failed: 0, share: 0 });
});
