import { RawClient, rawRequest } from '../../fakes/raw-client.ts';
import { setUp } from '../setup.ts';
import type { Check, Setup, Suite } from '../suite.ts';
import { debian, execute } from '../tools.ts';

const CONNECTIONS = 400;
const HANDSHAKES = 200;
// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one
const COLOUR = /\u001b\[[\d;]*m/g;

/** Attack, its flags, how long it may go on in seconds, and whether the router ends it before. */
const ATTACKS: readonly (readonly [name: string, flags: readonly string[], length: number, closes: boolean])[] = [
  ['slow headers (slowloris)', ['-H', '-i', '5', '-t', 'GET', '-x', '24'], 25, true],
  [
    'slow body (R.U.D.Y.)',
    ['-B', '-i', '10', '-s', '8192', '-t', 'POST', '-x', '10', '-f', 'application/json'],
    75,
    true,
  ],
  ['slow read', ['-X', '-k', '3', '-w', '10', '-y', '20', '-n', '5', '-z', '32'], 25, false],
];

/** Others, all the while: how many requests went well, and the slowest of them in ms. */
async function probe(url: string, until: () => boolean): Promise<{ asked: number; well: number; slowest: number }> {
  const seen = { asked: 0, well: 0, slowest: 0 };
  const body = { model: 'tiny-chat', messages: [{ role: 'user', content: 'hi' }], max_tokens: 2 };
  while (!until()) {
    seen.asked++;
    const started = performance.now();
    const answer = await rawRequest(url, { path: '/v1/chat/completions', body }).catch(() => undefined);
    if (answer?.status === 200) seen.well++;
    seen.slowest = Math.max(seen.slowest, Math.round(performance.now() - started));
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return seen;
}

async function attack(
  setup: Setup,
  program: string,
  [name, flags, length, closes]: (typeof ATTACKS)[number],
): Promise<Check> {
  const { url } = setup.router;
  const path = flags[0] === '-X' ? '/metrics' : '/v1/chat/completions';
  let over = false;
  const probing = probe(url, () => over);
  const common = [
    '-c',
    String(CONNECTIONS),
    '-r',
    String(HANDSHAKES),
    '-l',
    String(length),
    '-p',
    '3',
    '-u',
    url + path,
  ];
  const { stdout } = await execute(program, [...flags, ...common], { timeout: (length + 60) * 1_000 });
  over = true;
  const { asked, well, slowest } = await probing;
  const text = stdout.replace(COLOUR, '');
  const ending = /Test ended on (\d+)\w* second\s+Exit status:\s+(.+?)\s*$/m.exec(text);
  const rid = ending?.[2] === 'No open connections left';
  const down = /service available:\s+NO/.test(text);
  const note = `${well} of ${asked} requests of others answered, the slowest in ${slowest} ms; after ${ending?.[1]} s: ${ending?.[2]}`;
  return { name, ok: well === asked && slowest < 2_000 && !down && rid === closes, note };
}

export const slowhttptest: Suite = {
  name: 'slowhttptest',
  what: `${CONNECTIONS} connections that send or read slowly, while others make requests`,
  run: async ({ log }) => {
    const program = await debian('slowhttptest', 'slowhttptest');
    const setup = await setUp([{}]);
    try {
      // It wants a server that answers before it begins.
      (await RawClient.open(setup.router.url)).destroy();
      const checks: Check[] = [];
      for (const entry of ATTACKS) {
        log(entry[0]);
        checks.push(await attack(setup, program, entry));
      }
      const about =
        'Debian package slowhttptest. Heads must be there after 10 s and whole requests after 60 s, then they are answered with 408; ' +
        'a client that does not read its answer is dropped after `timeouts.idle`.';
      return { about, checks };
    } finally {
      await setup.stop();
    }
  },
};
