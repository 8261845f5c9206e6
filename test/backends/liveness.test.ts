import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Backend, RunningAttempt } from '../../src/backends/backend.ts';
import { Liveness } from '../../src/backends/liveness.ts';
import { Paces } from '../../src/backends/paces.ts';
import type { Hearing, Reach } from '../../src/backends/reach.ts';
import { type Place, Roster } from '../../src/backends/roster.ts';

interface FakeAttempt extends RunningAttempt {
  awaitsFirstByte: boolean;
  lastByteAt: number;
  failed: string;
}

function attempt(startedAt: number, more: Partial<FakeAttempt> = {}): FakeAttempt {
  const made: FakeAttempt = {
    startedAt,
    connecting: false,
    awaitsFirstByte: true,
    streaming: false,
    stream: true,
    size: 1_000,
    model: 'm',
    lastByteAt: startedAt,
    failed: '',
    fail: (reason) => {
      made.failed = reason;
    },
    ...more,
  };
  return made;
}

function backend(...attempts: RunningAttempt[]): Backend {
  const roster = new Roster<RunningAttempt>();
  for (const one of attempts) roster.add(one);
  return { attempts: roster, lastByteAt: 0, paces: new Paces() } as unknown as Backend;
}

function setup(
  others: Backend[],
  hears: (backend: Backend) => boolean | Hearing,
  connects: () => Reach = () => 'refused',
) {
  let time = 0;
  const ejected: Backend[] = [];
  const reasons: string[] = [];
  const liveness = new Liveness({
    now: () => time,
    connect: async () => {
      // Each try takes a moment.
      time += 700;
      return connects();
    },
    hear: async (asked) => {
      const heard = hears(asked);
      return typeof heard === 'string' ? heard : heard ? 'answer' : 'silence';
    },
    others: () => others,
    eject: (given, reason) => {
      ejected.push(given);
      reasons.push(reason);
    },
  });
  return {
    liveness,
    ejected,
    reasons,
    at: async (now: number, looked: Backend) => {
      time = now;
      liveness.look(looked);
      for (let step = 0; step < 20; step++) await Promise.resolve();
    },
  };
}

test('silence and no answer to a health check, while another answers: waiting requests move', async () => {
  const other = backend();
  const waiting = [attempt(1_000), attempt(1_200, { stream: false })];
  const begun = attempt(500, { awaitsFirstByte: false, lastByteAt: 900 });
  const suspect = backend(begun, ...waiting);
  const { at, ejected } = setup([other], (asked) => asked === other);
  await at(1_400, suspect);
  assert.equal(ejected.length, 0);
  await at(1_600, suspect);
  assert.deepEqual(ejected, [suspect]);
  assert.deepEqual(
    waiting.map(({ failed }) => failed),
    ['moved', 'moved'],
  );
  // A stream that has begun cannot move: its own time-out ends it.
  assert.equal(begun.failed, '');
});

test('what has no connection yet ends as a connect that took too long: its backend has had nothing of it', async () => {
  const other = backend();
  const [sent, connecting] = [attempt(1_000), attempt(1_100, { connecting: true })];
  const suspect = backend(sent, connecting);
  const { at, ejected, reasons } = setup([other], (asked) => asked === other);
  await at(1_600, suspect);
  assert.deepEqual(ejected, [suspect]);
  assert.deepEqual([sent.failed, connecting.failed], ['moved', 'connect_timeout']);
  assert.deepEqual(reasons, ['it accepts no connection and answers nothing, not even a health check']);
});

test('a suspect that takes no connection is unreachable: its requests are moved as such', async () => {
  const other = backend();
  const waiting = attempt(1_000);
  const { at, reasons } = setup([other], (asked) => asked === other || 'unreachable');
  await at(1_600, backend(waiting));
  assert.equal(waiting.failed, 'unreachable');
  assert.deepEqual(reasons, ['it accepts no connection and answers nothing, not even a health check']);
});

test('those that were heard of last are asked for comparison: a whole zone may be away', async () => {
  const others = Array.from({ length: 6 }, () => backend());
  others[4]!.lastByteAt = 900;
  const suspect = backend(attempt(1_000));
  const { at, ejected } = setup(others, (asked) => asked === others[4]);
  await at(1_600, suspect);
  assert.deepEqual(ejected, [suspect]);
});

test('nobody is suspected who has sent a byte to anybody', async () => {
  const suspect = backend(attempt(1_000), attempt(1_100, { awaitsFirstByte: false, lastByteAt: 1_500 }));
  const { at, ejected } = setup([backend()], () => false);
  await at(1_900, suspect);
  assert.equal(ejected.length, 0);
});

test('when no other answers either, it is not this backend', async () => {
  const suspect = backend(attempt(1_000));
  const { at, ejected } = setup([backend(), backend()], () => false);
  await at(2_000, suspect);
  await at(4_000, suspect);
  assert.equal(ejected.length, 0);
});

test('without another that could take its requests nothing is gained by giving it up', async () => {
  const suspect = backend(attempt(1_000));
  const { at, ejected } = setup([], () => false);
  await at(9_000, suspect);
  assert.equal(ejected.length, 0);
});

test('a healthy one that begins no stream while others do is stuck; how long that takes depends on the others', async () => {
  for (const [took, stuck] of [
    [100, true],
    [1_000, false],
  ] as const) {
    const other = backend();
    for (let count = 0; count < 3; count++) other.paces.add(1_100, took, { model: 'm', stream: true, size: 1_000 });
    const suspect = backend(attempt(1_000));
    const { at, ejected } = setup([other], () => true);
    await at(2_900, suspect);
    const before = ejected.length;
    await at(3_100, suspect);
    assert.deepEqual([before, ejected.length], [0, stuck ? 1 : 0]);
  }
});

test('a long prompt is given time by its length', async () => {
  const other = backend();
  for (let count = 0; count < 3; count++) other.paces.add(1_100, 200, { model: 'm', stream: true, size: 8_000 });
  const suspect = backend(attempt(1_000, { size: 800_000 }));
  const { at, ejected } = setup([other], () => true);
  await at(10_000, suspect);
  assert.equal(ejected.length, 0);
});

test('an answer that is no stream is waited for as long as the backend is healthy', async () => {
  const other = backend();
  for (let count = 0; count < 9; count++) other.paces.add(1_100, 10, { model: 'm', stream: false, size: 1_000 });
  const suspect = backend(attempt(1_000, { stream: false }));
  const { at, ejected } = setup([other], () => true);
  await at(60_000, suspect);
  assert.equal(ejected.length, 0);
});

test('refused connects and two seconds of silence end everything that is silent, streams too', async () => {
  const silent = attempt(0, { awaitsFirstByte: false, lastByteAt: 0 });
  const waiting = attempt(0);
  const dead = backend();
  const places = [silent, waiting].map((one) => dead.attempts.add(one));
  const { liveness, ejected } = setup([], () => false);
  liveness.unreachable(dead);
  while (ejected.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual([silent.failed, waiting.failed], ['moved', 'moved']);
  // Nothing runs there any more: the watch over it ends.
  for (const place of places) dead.attempts.delete(place as Place<RunningAttempt>);
});

test('one that accepts connections again is left alone', async () => {
  const waiting = attempt(0);
  const { liveness, ejected } = setup(
    [],
    () => false,
    () => 'accepted',
  );
  liveness.unreachable(backend(waiting));
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(ejected.length, 0);
});

/** Connects as scripted, each taking 700 ms; resolves once the last of them has succeeded. */
async function connecting(script: Reach[], healthy: () => boolean) {
  const silent = attempt(0, { awaitsFirstByte: false });
  const left = [...script];
  const over = Promise.withResolvers<void>();
  const { liveness, reasons } = setup([backend()], healthy, () => {
    const next = left.shift();
    if (left.length === 0) over.resolve();
    return next!;
  });
  liveness.unreachable(backend(silent));
  await over.promise;
  return { failed: silent.failed, reasons };
}

test('connects that nobody answers while nobody else answers either are the network: streams are left to recover', async () => {
  const { failed } = await connecting([...Array(6).fill('silence'), 'accepted'], () => false);
  assert.equal(failed, '');
});

test('connects that nobody answers while others are reached: what is silent is given up', async () => {
  const { failed, reasons } = await connecting([...Array(4).fill('silence'), 'accepted'], () => true);
  assert.equal(failed, 'unreachable');
  assert.equal(reasons[0], 'it is silent, and cannot be reached while others can');
});

test('no other is there to tell whether it is the network: after two minutes of connects without an answer nobody waits any more', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const waiting = attempt(0, { stream: false });
  const lost = backend();
  const place = lost.attempts.add(waiting);
  let connects = 0;
  // A connect that there was no socket for says nothing, and what was before it has been too long ago.
  const { liveness, reasons } = setup(
    [],
    () => false,
    () => (++connects === 100 ? 'unasked' : 'silence'),
  );
  liveness.unreachable(lost);
  while (waiting.failed === '') {
    for (let step = 0; step < 5; step++) await Promise.resolve();
    t.mock.timers.tick(250);
  }
  lost.attempts.delete(place);
  assert.deepEqual(
    [waiting.failed, reasons],
    ['unreachable', ['it is silent, and has taken no connection for two minutes']],
  );
  // Each took 700 ms.
  assert.equal(connects, 100 + Math.floor(120_000 / 700) + 2);
});

test('a connect that began before another was reached proves nothing: the network may have come back in between', async () => {
  let asked = 0;
  // Away for four connects; back while the fourth still waits, so that the other answers after it.
  const { failed } = await connecting([...Array(4).fill('silence'), 'accepted'], () => ++asked >= 4);
  assert.equal(failed, '');
});

test('an engine with requests whose own figures stand still is given up, though it is healthy; one whose figures move is not', async () => {
  const waiting = attempt(1_000, { stream: false });
  const suspect = backend(waiting);
  const { at, ejected } = setup([backend()], () => true);
  // They stood still for long before there was anything to do.
  suspect.still = { since: 0, until: 30_900 };
  await at(31_500, suspect);
  assert.equal(ejected.length, 0);
  suspect.still = { since: 30_000, until: 46_000 };
  await at(46_500, suspect);
  assert.equal(ejected.length, 0);
  suspect.still = { since: 30_000, until: 61_000 };
  await at(61_500, suspect);
  assert.deepEqual(ejected, [suspect]);
  assert.equal(waiting.failed, 'moved');
});

test('an engine whose figures stand still keeps its requests where no other could take them', async () => {
  const suspect = backend(attempt(1_000, { stream: false }));
  suspect.still = { since: 0, until: 90_000 };
  const { at, ejected } = setup([], () => true);
  await at(90_500, suspect);
  assert.equal(ejected.length, 0);
});
