import { readdirSync } from 'node:fs';
import { rawRequest } from '../fakes/raw-client.ts';
import { configFor, type SpawnedRouter, spawnRouter } from '../fakes/spawn-router.ts';
import { makeRequest } from './client.ts';
import { clientRequest } from './client-requests.ts';
import { HostileEngine, type Received } from './hostile-engine.ts';
import { LoopClock } from './loop-clock.ts';
import { judge } from './oracle.ts';
import { Random } from './random.ts';
import { randomAnswer } from './upstream-answers.ts';
import { wildBytes } from './wild-bytes.ts';
import { sendWild } from './wild-client.ts';

/** ms; the router's own limits below add up to less. */
const DEADLINE = 12_000;

export interface Finding {
  /** Repeats it: `npm run fuzz -- --seed … --case …`. */
  readonly seed: number;
  readonly number: number;
  readonly what: readonly string[];
  readonly story: string;
}

/** The router between two hostile engines and hostile clients; everything that any of them does follows from the seed. */
export class Campaign {
  readonly seed: number;
  readonly findings: Finding[] = [];
  cases = 0;
  /** Cases by how they ended. */
  readonly endings = new Map<string, number>();
  readonly #router: SpawnedRouter;
  readonly #engines: readonly HostileEngine[];
  readonly #ledger: Map<string, Received[]>;
  readonly #clock = new LoopClock();
  #baseline: number;

  private constructor(
    seed: number,
    router: SpawnedRouter,
    engines: readonly HostileEngine[],
    ledger: Map<string, Received[]>,
  ) {
    this.seed = seed;
    this.#router = router;
    this.#engines = engines;
    this.#ledger = ledger;
    this.#baseline = this.descriptors();
  }

  static async start(seed: number): Promise<Campaign> {
    const ledger = new Map<string, Received[]>();
    const answer = (id: string, attempt: number, stream: boolean) => {
      const [, number = '0'] = id.split('-');
      return randomAnswer(new Random(seed, Number(number), 1_000 + attempt), stream);
    };
    const engines = await Promise.all([HostileEngine.start(answer, ledger), HostileEngine.start(answer, ledger)]);
    const config = configFor(
      engines.map(({ url }) => ({ url, models: ['m'] })),
      {
        defaults: {
          timeouts: { connect: '1s', firstByte: '1s', idle: '1s', total: '5s' },
          // What one case does to a backend must not decide over the next one.
          circuitBreaker: { failures: 1_000_000, openFor: '100ms', maxOpenFor: '100ms' },
          retry: { attempts: 2, budget: 1 },
          health: { interval: '0s' },
        },
        // What an engine says of itself is hostile as well.
        stats: { engine: { interval: '1s', timeout: '500ms', staleAfter: '5s' } },
        logging: { level: 'info', format: 'json', access: false },
      },
    );
    const campaign = new Campaign(seed, await spawnRouter({ config }), engines, ledger);
    // What the first request loads and opens is no leak.
    await campaign.request(0);
    await campaign.settle();
    campaign.#baseline = campaign.descriptors();
    return campaign;
  }

  /** One valid request; its answers are anything. */
  async request(number: number): Promise<void> {
    const request = clientRequest(this.seed, number);
    const { stalls } = this.#clock;
    const ending = await makeRequest(this.#router.url, request, this.#clock, DEADLINE);
    const received = this.#ledger.get(request.id) ?? [];
    this.#ledger.delete(request.id);
    const status = ending.type === 'answered' ? `${ending.response.status}${ending.response.clean ? '' : ' cut'}` : '';
    this.#count(`request ${ending.type} ${status}`.trim());
    const what = judge(request, received, ending);
    // Both engines and the router may have slept through a time limit together.
    const late = this.#clock.stalls > stalls && status.startsWith('504');
    if (what.length === 0 || late) return;
    const attempts = received.map(({ answer }) => answer.name).join(', ');
    this.findings.push({
      seed: this.seed,
      number,
      what,
      story: `${request.path} → ${attempts} → ${ending.type} ${status}`,
    });
  }

  /** A connection with bytes that are nearly, or not at all, HTTP. */
  async wild(number: number): Promise<void> {
    const bytes = wildBytes(new Random(this.seed, number, 7));
    const before = this.#ledger.get('')?.length ?? 0;
    const { what, statuses } = await sendWild(this.#router.url, bytes, this.#clock, DEADLINE);
    const received = (this.#ledger.get('') ?? []).slice(before);
    for (const { fault } of received) if (fault !== undefined) what.push(`an engine was sent: ${fault}`);
    for (const status of statuses.length > 0 ? statuses : ['none']) this.#count(`wild ${status}`);
    if (what.length === 0) return;
    const story = JSON.stringify(bytes.toString('latin1').slice(0, 600));
    this.findings.push({ seed: this.seed, number, what, story });
  }

  /** Cases from `from` on, `width` at a time, until `enough` says so. */
  async run(from: number, width: number, enough: (cases: number) => boolean): Promise<void> {
    let number = from;
    const worker = async () => {
      while (!enough(this.cases)) {
        this.cases++;
        const mine = number++;
        await (mine % 4 === 3 ? this.wild(mine) : this.request(mine));
      }
    };
    await Promise.all(Array.from({ length: width }, worker));
  }

  /** Once nothing is asked any more, nothing may be left: requests in flight, connections, descriptors, the process itself. */
  async settle(timeout = 15_000): Promise<string[]> {
    const deadline = performance.now() + timeout;
    for (const engine of this.#engines) engine.dropAll();
    for (;;) {
      const left = await this.#leftovers();
      if (left.length === 0 || performance.now() > deadline) return left;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async stop(): Promise<void> {
    this.#clock.stop();
    await this.#router.stop('SIGKILL');
    await Promise.all(this.#engines.map((engine) => engine.stop()));
  }

  /** Open descriptors of the router's process; 0 where the system does not tell. */
  descriptors(): number {
    try {
      return readdirSync(`/proc/${this.#router.pid}/fd`).length;
    } catch {
      return 0;
    }
  }

  async #leftovers(): Promise<string[]> {
    const left: string[] = [];
    if (this.#router.child.exitCode !== null) return [`the router ended: ${this.#router.noise.slice(-5).join('\n')}`];
    const { body } = await rawRequest(this.#router.url, { path: '/metrics' });
    for (const line of body.toString().split('\n')) {
      if (!/^vllm_router_inflight_requests/.test(line)) continue;
      if (!line.endsWith(' 0')) left.push(line);
    }
    if (!body.includes('\nvllm_router_inflight_requests')) left.push('no gauge of requests in flight');
    const descriptors = this.descriptors();
    // The answer to this very question may still be open.
    if (descriptors > this.#baseline + 1) left.push(`${descriptors} descriptors, ${this.#baseline} at the start`);
    const errors = this.#router.logs.filter(
      ({ level, msg }) => level === 'error' && msg === 'request failed in the router',
    );
    if (errors.length > 0) left.push(`${errors.length} internal errors: ${JSON.stringify(errors[0])}`);
    return left;
  }

  #count(ending: string): void {
    this.endings.set(ending, (this.endings.get(ending) ?? 0) + 1);
  }
}
