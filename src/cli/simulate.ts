import { readFile, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { hasErrors } from '../config/diagnostic.ts';
import { formatDiagnostics } from '../config/format.ts';
import { CONTENDERS, type Contender, configured, contender } from '../simulator/replay/contenders.ts';
import { htmlReport } from '../simulator/replay/report-html.ts';
import { textReport } from '../simulator/replay/report-text.ts';
import { runStudy, type StudyPlan } from '../simulator/replay/study.ts';
import { PATIENCE, type Patience } from '../simulator/replay/summary.ts';
import { parseTrace, TraceError } from '../simulator/replay/trace.ts';
import { WORKLOADS, type Workload } from '../simulator/replay/workloads.ts';
import { EXIT, type Invocation } from './argv.ts';
import { type Io, textStyle } from './io.ts';
import { loadFrom } from './load.ts';
import { engineModel, positive, rates, SettingError, settingDuration } from './simulate-settings.ts';

const COMPARED = ['prefix-aware', 'least-load', 'round-robin'];
const BAR = 30;

/** A route's algorithm and time-outs, as far as the simulator needs them. */
interface Subject {
  readonly contenders: readonly Contender[];
  readonly patience: Patience;
}

/**
 * `simulate`: how algorithms would route a trace or a workload on simulated engines. `EXIT.failed` when the file or the
 * trace is not valid, `EXIT.usage` when an option is not.
 */
export async function runSimulate(invocation: Invocation, io: Io): Promise<number> {
  try {
    const plan = await planOf(invocation, io);
    if (plan === undefined) return EXIT.failed;
    const study = await runStudy(plan, progress(io));
    const html = invocation.options.get('html');
    if (html !== undefined) await writeFile(html, htmlReport(study));
    if (invocation.options.get('format') === 'json') {
      const { workload, rates: tried, seeds, fleet } = study.plan;
      io.out(`${JSON.stringify({ workload: workload.name, rates: tried, seeds, fleet, lines: study.lines })}\n`);
    } else {
      io.out(
        `${plan.workload.name}: ${plan.workload.description}; ${plan.fleet.engines} engines\n${textReport(study)}`,
      );
    }
    if (html !== undefined) io.err(`wrote ${html}\n`);
    return EXIT.ok;
  } catch (error) {
    if (!(error instanceof SettingError)) throw error;
    io.err(`vllm-router simulate: ${error.message}\n`);
    return error.exitCode;
  }
}

async function planOf({ options, config }: Invocation, io: Io): Promise<StudyPlan | undefined> {
  const workload = await workloadOf(options);
  const subject = config === undefined ? { contenders: [], patience: PATIENCE } : await subjectOf(config, options, io);
  if (subject === undefined) return undefined;
  const names = options.get('compare')?.split(',') ?? COMPARED;
  const compared = names.map((name) => {
    const found = contender(name.trim());
    if (found === undefined) throw new SettingError(`--compare: '${name}' is none of ${CONTENDERS.join(', ')}`);
    return found;
  });
  const requests = options.has('requests') ? positive('requests', options.get('requests')!) : workload.requests;
  const seeds = positive('seeds', options.get('seeds') ?? '3');
  return {
    fleet: await fleetOf(options, io),
    workload,
    requests,
    rates: rates(options.get('rate'), workload.rate),
    contenders: [...subject.contenders, ...compared],
    seeds: Array.from({ length: seeds }, (_, at) => at + 1),
    objective: settingDuration('objective', options.get('objective') ?? '2s'),
    patience: subject.patience,
  };
}

async function fleetOf(options: Invocation['options'], io: Io): Promise<StudyPlan['fleet']> {
  const { DEFAULT_FLEET } = await import('../simulator/replay/experiment.ts');
  const url = options.get('calibrate');
  const measured = url === undefined ? {} : await calibrated(url, options, io);
  const model = engineModel(options.get('engine'), { ...DEFAULT_FLEET.model, ...measured });
  const engines = positive('engines', options.get('engines') ?? String(DEFAULT_FLEET.engines));
  return { ...DEFAULT_FLEET, engines, model, cacheInfo: true };
}

/** What a running engine measures; the rest stays as it is by default. */
async function calibrated(url: string, options: Invocation['options'], io: Io) {
  const { calibrate } = await import('../simulator/replay/calibrate.ts');
  const { httpProber } = await import('../simulator/replay/http-prober.ts');
  const { parseEngineStats } = await import('../backends/engine-stats.ts');
  const base = url.replace(/\/+$/, '');
  const apiKey = io.env['OPENAI_API_KEY'];
  const model = options.get('model');
  io.err(`measuring ${base}\n`);
  try {
    const prober = await httpProber(base, {
      ...(model === undefined ? {} : { model }),
      ...(apiKey === undefined ? {} : { apiKey }),
    });
    const betas = await calibrate(prober);
    const page = await fetch(`${base}/metrics`).then((response) => (response.ok ? response.text() : ''));
    const cacheTokens = parseEngineStats(page)?.cacheTokens;
    const found = { ...betas, ...(cacheTokens === undefined ? {} : { cacheTokens }) };
    const settings = Object.entries(found).map(([name, value]) => `${name}=${Number(value.toPrecision(4))}`);
    io.err(`as --engine ${settings.join(',')}\n`);
    return found;
  } catch (error) {
    const { message, cause } = error as Error;
    const why = cause instanceof Error ? `${message}: ${cause.message}` : message;
    throw new SettingError(`--calibrate: ${why}`, EXIT.failed);
  }
}

async function workloadOf(options: Invocation['options']): Promise<Workload> {
  const file = options.get('trace');
  const name = options.get('workload');
  if (file !== undefined && name !== undefined) throw new SettingError('give --trace or --workload, not both');
  if (file === undefined) {
    const found = WORKLOADS.find((workload) => workload.name === (name ?? 'shared-prefixes'));
    if (found !== undefined) return found;
    throw new SettingError(`--workload: '${name}' is none of ${WORKLOADS.map((known) => known.name).join(', ')}`);
  }
  try {
    return parseTrace(basename(file), await readFile(file, 'utf8'));
  } catch (error) {
    const { message } = error as Error;
    throw new SettingError(error instanceof TraceError ? `${file}: ${message}` : message, EXIT.failed);
  }
}

async function subjectOf(file: string, options: Invocation['options'], io: Io): Promise<Subject | undefined> {
  const { files, diagnostics, loaded } = await loadFrom(file, [], io);
  if (hasErrors(diagnostics) || loaded?.config === undefined) {
    io.err(formatDiagnostics(diagnostics, 'text', textStyle(io, files)));
    return undefined;
  }
  const { routes } = loaded.config;
  const name = options.get('route');
  const route = name === undefined ? routes[0] : routes.find((candidate) => candidate.name === name);
  if (route === undefined) throw new SettingError(`--route: ${file} has no route '${name}'`);
  const { algorithm, timeouts } = route;
  const limit = (ms: number) => (ms === 0 ? Number.POSITIVE_INFINITY : ms);
  try {
    return {
      contenders: [configured(`${route.name}: ${algorithm.type}`, algorithm)],
      patience: { firstByte: limit(timeouts.firstByte), total: limit(timeouts.total) },
    };
  } catch (error) {
    throw new SettingError(`route ${route.name}: ${(error as Error).message}`);
  }
}

/** A bar that redraws itself on a terminal; nothing elsewhere. */
function progress(io: Io): (share: number) => Promise<void> {
  if (!io.terminal) return async () => {};
  return async (share) => {
    const filled = Math.round(share * BAR);
    const bar = `${'█'.repeat(filled)}${'░'.repeat(BAR - filled)}`;
    io.err(share >= 1 ? '\r\u001b[K' : `\r${bar} ${String(Math.round(100 * share)).padStart(3)} %`);
    // Lets Ctrl-C in between two runs.
    await new Promise((resolve) => setImmediate(resolve));
  };
}
